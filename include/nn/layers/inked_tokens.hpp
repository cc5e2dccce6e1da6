// Images cut into patches, one token each; only patches with ink become rows of their own.
//
// 62 % of MNIST's 4x4 patches are blank, and a blank patch gives the same token, at the same place, in every
// image. So a batch is worked on as two matrices: the inked tokens of some images one below the other, and
// one table with the blank token of every place. What is computed token by token is done for those rows only.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/core/matmul.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/batches.hpp"
#include "nn/data/intensity.hpp"

namespace nn {

// An image in square patches, in row order, each of them also in row order.
struct PatchGrid {
  std::size_t height = 28, width = 28;  // pixels, multiples of `patch`
  std::size_t patch = 4;                // pixels a side

  std::size_t tokens() const { return (height / patch) * (width / patch); }  // S
  std::size_t patch_pixels() const { return patch * patch; }                 // P
};

// The inked tokens of an image: T rows, in the order of their places.
class InkedTokens {
 public:
  static constexpr std::uint32_t kBlank = 0xffffffff;

  explicit InkedTokens(const PatchGrid& grid)
      : grid_(grid),
        places_(grid.tokens()),
        rows_(grid.tokens()),
        patches_(grid.tokens() * grid.patch_pixels()) {}

  void list(std::span<const std::uint8_t> image) {
    assert(image.size() == grid_.height * grid_.width);
    size_ = 0;
    std::uint32_t place = 0;
    for (std::size_t y = 0; y < grid_.height; y += grid_.patch) {
      for (std::size_t x = 0; x < grid_.width; x += grid_.patch, ++place) {
        const bool inked = copy_patch(&image[y * grid_.width + x], &patches_[size_ * grid_.patch_pixels()]);
        rows_[place] = inked ? static_cast<std::uint32_t>(size_) : kBlank;
        if (inked) places_[size_++] = place;
      }
    }
  }

  std::span<const std::uint32_t> places() const { return std::span(places_).first(size_); }  // (T)
  ConstMatrix patches() const { return mat(patches_, size_, grid_.patch_pixels()); }         // (T, P)
  std::span<const std::uint32_t> rows() const {
    return rows_;
  }  // (S) the row of each place's token, or kBlank

 private:
  // As floats 0 .. 1. Returns whether there is any ink. What is copied of a blank patch is overwritten by the
  // next.
  bool copy_patch(const std::uint8_t* corner, float* out) const {
    std::uint8_t ink = 0;
    for (std::size_t y = 0; y < grid_.patch; ++y) {
      for (std::size_t x = 0; x < grid_.patch; ++x) ink |= corner[y * grid_.width + x];
    }
    if (ink == 0) return false;
    for (std::size_t y = 0; y < grid_.patch; ++y) {
      for (std::size_t x = 0; x < grid_.patch; ++x) *out++ = kIntensity[corner[y * grid_.width + x]];
    }
    return true;
  }

  PatchGrid grid_;
  std::size_t size_ = 0;
  std::vector<std::uint32_t> places_;  // (T)
  std::vector<std::uint32_t> rows_;    // (S)
  Floats patches_;                     // (T, P)
};

// forward: out = all tokens of one sample: its own rows of `inked` (T, N), the others from `blank` (S, N)
inline void gather_tokens(std::span<const std::uint32_t> rows, ConstMatrix inked, ConstMatrix blank,
                          Matrix out) {
  assert(rows.size() == out.rows && blank.rows == out.rows && inked.cols == out.cols &&
         blank.cols == out.cols);
  for (std::size_t t = 0; t < out.rows; ++t) {
    const float* row =
        rows[t] == InkedTokens::kBlank ? blank.data + t * blank.stride : inked.data + rows[t] * inked.stride;
    std::copy_n(row, out.cols, out.data + t * out.stride);
  }
}

// backward: a token's row of dinked is overwritten; dblank is added to, as many samples share it
inline void gather_tokens_backward(std::span<const std::uint32_t> rows, ConstMatrix dout, Matrix dinked,
                                   Matrix dblank) {
  assert(rows.size() == dout.rows && dblank.rows == dout.rows && dinked.cols == dout.cols &&
         dblank.cols == dout.cols);
  for (std::size_t t = 0; t < dout.rows; ++t) {
    const float* row = dout.data + t * dout.stride;
    if (rows[t] != InkedTokens::kBlank) {
      std::copy_n(row, dout.cols, dinked.data + rows[t] * dinked.stride);
    } else {
      float* sum = dblank.data + t * dblank.stride;
      for (std::size_t c = 0; c < dout.cols; ++c) sum[c] += row[c];
    }
  }
}

}  // namespace nn
