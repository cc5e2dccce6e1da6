// Images cut into patches, one token each; only patches that are not all zero become rows of their own.
//
// 62 % of MNIST's 4x4 patches are empty, and an empty patch gives the same token, at the same place, in every
// image. So a batch is worked on as two matrices: the tokens of the others, one below the other, and one
// table with the empty patch's token at every place. What is computed token by token is done for those rows
// only.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/core/matmul.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/batch.hpp"
#include "nn/data/intensity.hpp"

namespace nn {

// An image in square patches, in row order, each of them also in row order.
struct PatchGrid {
  std::size_t height, width;  // pixels, multiples of `patch`
  std::size_t patch;          // pixels a side

  std::size_t tokens() const { return (height / patch) * (width / patch); }  // S
  std::size_t patch_pixels() const { return patch * patch; }                 // P
};

// The patches of a few images that are not empty: T rows, image by image, in the order of their places.
class NonEmptyPatches {
 public:
  static constexpr std::uint32_t kEmpty = 0xffffffff;

  NonEmptyPatches(const PatchGrid& grid, std::size_t most_images)
      : grid_(grid),
        places_(most_images * grid.tokens()),
        rows_(most_images * grid.tokens()),
        patches_(most_images * grid.tokens() * grid.patch_pixels()) {}

  // Images first .. first + count - 1 of a batch.
  void list(const Batch& batch, std::size_t first, std::size_t count) {
    size_ = 0;
    for (std::size_t i = 0; i < count; ++i) list(batch.image(first + i), &rows_[i * grid_.tokens()]);
  }

  std::span<const std::uint32_t> places() const { return std::span(places_).first(size_); }  // (T)
  ConstMatrix patches() const { return mat(patches_, size_, grid_.patch_pixels()); }         // (T, P)

  // Of the i-th image (S): the row of each place's token, or kEmpty.
  std::span<const std::uint32_t> rows(std::size_t i) const {
    return std::span(rows_).subspan(i * grid_.tokens(), grid_.tokens());
  }

 private:
  void list(std::span<const std::uint8_t> image, std::uint32_t* rows) {
    assert(image.size() == grid_.height * grid_.width);
    std::uint32_t place = 0;
    for (std::size_t y = 0; y < grid_.height; y += grid_.patch) {
      for (std::size_t x = 0; x < grid_.width; x += grid_.patch, ++place) {
        const bool is_empty =
            !copy_patch(&image[y * grid_.width + x], &patches_[size_ * grid_.patch_pixels()]);
        rows[place] = is_empty ? kEmpty : static_cast<std::uint32_t>(size_);
        if (!is_empty) places_[size_++] = place;
      }
    }
  }

  // As floats 0 .. 1. Returns whether any is not 0; else nothing is copied.
  bool copy_patch(const std::uint8_t* corner, float* out) const {
    std::uint8_t any = 0;
    for (std::size_t y = 0; y < grid_.patch; ++y) {
      for (std::size_t x = 0; x < grid_.patch; ++x) any |= corner[y * grid_.width + x];
    }
    if (any == 0) return false;
    for (std::size_t y = 0; y < grid_.patch; ++y) {
      for (std::size_t x = 0; x < grid_.patch; ++x) *out++ = kIntensity[corner[y * grid_.width + x]];
    }
    return true;
  }

  PatchGrid grid_;
  std::size_t size_ = 0;
  std::vector<std::uint32_t> places_;  // (T)
  std::vector<std::uint32_t> rows_;    // (images, S)
  Floats patches_;                     // (T, P)
};

// forward: out = all tokens of one sample: its own rows of `some` (T, N), the others from `empty` (S, N)
inline void gather_tokens(std::span<const std::uint32_t> rows, ConstMatrix some, ConstMatrix empty,
                          Matrix out) {
  assert(rows.size() == out.rows && empty.rows == out.rows && some.cols == out.cols &&
         empty.cols == out.cols);
  for (std::size_t t = 0; t < out.rows; ++t) {
    const float* row = rows[t] == NonEmptyPatches::kEmpty ? empty.data + t * empty.stride
                                                          : some.data + rows[t] * some.stride;
    std::copy_n(row, out.cols, out.data + t * out.stride);
  }
}

// backward: a token's row of dsome is overwritten; dempty is added to, as many samples share it
inline void gather_tokens_backward(std::span<const std::uint32_t> rows, ConstMatrix dout, Matrix dsome,
                                   Matrix dempty) {
  assert(rows.size() == dout.rows && dempty.rows == dout.rows && dsome.cols == dout.cols &&
         dempty.cols == dout.cols);
  for (std::size_t t = 0; t < dout.rows; ++t) {
    const float* row = dout.data + t * dout.stride;
    if (rows[t] != NonEmptyPatches::kEmpty) {
      std::copy_n(row, dout.cols, dsome.data + rows[t] * dsome.stride);
    } else {
      float* sum = dempty.data + t * dempty.stride;
      for (std::size_t c = 0; c < dout.cols; ++c) sum[c] += row[c];
    }
  }
}

}  // namespace nn
