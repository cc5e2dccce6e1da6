// Convolution, ReLU and 2x2 max-pool in one, over the ink only.
//
// A position of the pooled map looks at a patch of (K+1) x (K+1) pixels, from which a filter makes four
// values; the largest one wins, and how it was made is all that backward has to know. Nothing in between is
// stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/core/tensor.hpp"
#include "nn/layers/pooled_map.hpp"

namespace nn {

// K = kernel is odd, 3 to 7; the image is padded with K/2 pixels of paper. Of an image of odd height or width
// the pooling drops the last row or column.
struct ConvPoolShape {
  std::size_t height, width, filters, kernel;

  std::size_t rows() const { return height / 2; }
  std::size_t columns() const { return width / 2; }
  std::size_t taps() const { return kernel * kernel; }
};

// B samples, F filters, P = rows x columns positions; y is (B, P, F), as pooled_map.hpp keeps it.
class ConvPool {
 public:
  explicit ConvPool(const ConvPoolShape& shape);

  // Makes room for batches of up to `samples` images.
  void reserve(std::size_t samples);

  // To be called before the forward passes of a batch.
  // w (F, K*K), b (F): rearranged for the kernel, and y.blank = max(b, 0).
  void load_weights(std::span<const float> w, std::span<const float> b, PooledMap& y);

  // forward: y = maxpool(relu(conv(x, w) + b)), of one sample: y's inked positions and their ink.
  // Samples may be done at the same time.
  void forward(std::span<const std::uint8_t> image, std::size_t sample, PooledMap& y);

  // backward: y.dink -> one row of positions' share of dw and db, from the samples that y.inked_samples()
  // lists. Rows may be done at the same time.
  void backward_row(const PooledMap& y, std::size_t row);

  // The sum of all rows' shares, and of what y.dblank adds:
  // dw (F, K*K), db (F), overwritten
  void finish_backward(const PooledMap& y, std::span<float> dw, std::span<float> db);

  const ConvPoolShape& shape() const { return shape_; }

  // For the kernels. Images are padded with paper on all sides, their rows to whole units of 32 pixels.
  static constexpr std::size_t kRowUnit = 32;
  std::size_t stride() const { return stride_; }
  std::size_t padded_image() const { return (2 * shape_.rows() + shape_.kernel - 1) * stride_; }
  std::size_t padded_filters() const { return bias_.size(); }
  std::uint8_t* bytes(std::size_t s) { return &bytes_[s * padded_image()]; }
  float* pixels(std::size_t s) { return &pixels_[s * padded_image()]; }
  const float* pixels(std::size_t s) const { return &pixels_[s * padded_image()]; }
  const std::size_t* patches() const { return patches_.data(); }
  const float* weights() const { return weights_.data(); }
  const float* bias() const { return bias_.data(); }
  float* winners(std::size_t s, std::size_t p) {
    return &winners_[(s * patches_.size() + p) * padded_filters()];
  }
  const float* winners(std::size_t s, std::size_t p) const {
    return const_cast<ConvPool*>(this)->winners(s, p);
  }
  // Share of a row: dw (K*K, F), then db (F).
  float* share(std::size_t row) { return &shares_[row * (shape_.taps() + 1) * padded_filters()]; }

 private:
  ConvPoolShape shape_;
  std::size_t stride_;
  std::vector<std::size_t> patches_;  // (P) where in an image the patch under a position begins
  Floats weights_, bias_;             // (K*K, F), (F)
  std::vector<std::uint8_t> bytes_;   // (B, padded image)
  Floats pixels_;                     // (B, padded image), 0 .. 1
  Floats winners_;  // (B, P, F): which of the four was largest, 0 .. 3 in row order; -1: ReLU's 0
  Floats shares_;   // (rows, K*K + 1, F)
};

}  // namespace nn
