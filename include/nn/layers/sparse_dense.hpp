// The first dense layer, over the ink only: y = x w + b where most of x is 0.
//
// 81 % of MNIST's pixels are paper. Skipping them makes this layer faster than the dense product could be at
// the machine's full speed. What varies is which pixels have ink, so a batch is turned into lists: for each
// pair of neighbouring pixels, the samples with ink in either and both their values. A pair, not a pixel,
// because ink comes in runs: the partial sums of a sample are then read and written half as often.
//
// The work is cut by columns. A column block owns its part of w and y, so that blocks need no reduction and
// no lock, and the update of gradient descent goes straight into w: dw is never written at all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/core/matmul.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/batches.hpp"

namespace nn {

inline constexpr std::size_t kColumnBlock = 64;  // the partial sums of 64 samples x 64 columns fit into L1

// Number of column blocks of a layer with `outputs` columns; the last one may be narrower.
inline std::size_t column_blocks(std::size_t outputs) {
  return (outputs + kColumnBlock - 1) / kColumnBlock;
}

// The inked pixels of a batch, listed by pixel pair.
class SparseBatch {
 public:
  // Four bytes, so that a pass over the lists moves little memory; kIntensity turns a pixel into a number.
  struct Entry {
    std::uint16_t sample;
    std::uint8_t left, right;  // pixels 2 pair and 2 pair + 1 of that sample
  };

  // Makes room for batches of up to `samples` <= 65536 images of `pixels` pixels each.
  void reserve(std::size_t samples, std::size_t pixels);

  // Lists the ink of one stretch of pixels, 0 .. kStretches-1. Stretches may be listed at the same time.
  static constexpr std::size_t kStretches = 4;
  void list_ink(const Batch& batch, std::size_t stretch);

  std::size_t samples() const { return samples_; }
  std::size_t pixels() const { return pixels_; }
  std::size_t pairs() const { return (pixels_ + 1) / 2; }
  std::span<const Entry> entries(std::size_t pair) const {
    return {&entries_[pair * capacity_], counts_[pair]};
  }

 private:
  std::size_t samples_ = 0, pixels_ = 0, capacity_ = 0;
  std::vector<Entry> entries_;         // (pairs, capacity)
  std::vector<std::uint32_t> counts_;  // (pairs)
};

// forward: y = x w + b      (B, I) (I, O) + (O) -> (B, O), columns of one block only, overwritten
void sparse_dense_forward(const SparseBatch& x, ConstMatrix w, std::span<const float> b, Matrix y,
                          std::size_t block);

// backward: dw = x^T dy     (I, B) (B, O) -> (I, O), columns of one block only, overwritten
void sparse_dense_backward(const SparseBatch& x, ConstMatrix dy, Matrix dw, std::size_t block);

// The same and a step of gradient descent in one: w -= rate x^T dy. Touches the rows of inked pixels only.
void sparse_dense_descend(const SparseBatch& x, ConstMatrix dy, float rate, Matrix w, std::size_t block);

inline void SparseBatch::reserve(std::size_t samples, std::size_t pixels) {
  pixels_ = pixels;
  capacity_ = samples;
  entries_.resize(pairs() * capacity_);
  counts_.assign(pairs(), 0);
}

}  // namespace nn
