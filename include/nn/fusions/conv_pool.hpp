// Convolution, ReLU and 2x2 max-pool in one, over active positions only.
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
#include "nn/data/batch.hpp"
#include "nn/fusions/pooled_map.hpp"

namespace nn {

// K = kernel is odd, 3 to 7; the image is padded with K/2 pixels of zeros. Of an image of odd height or width
// the pooling drops the last row or column.
struct ConvPoolShape {
  std::size_t height, width, filters, kernel;
  bool relu = true;  // between the two; else there is none

  std::size_t rows() const { return height / 2; }
  std::size_t columns() const { return width / 2; }
  std::size_t taps() const { return kernel * kernel; }
};

// B samples, F filters, P = rows x columns positions; y is (B, P, F), as pooled_map.hpp keeps it.
class ConvPool {
 public:
  explicit ConvPool(const ConvPoolShape& shape);

  // Memory for batches of up to `samples` images.
  void reserve(std::size_t samples);

  // To be called before the forward passes of a batch.
  // w (F, K*K), b (F): rearranged for the kernel, and y.baseline = max(b, 0).
  void load_weights(std::span<const float> w, std::span<const float> b, PooledMap& y);

  // forward: y = maxpool(relu(conv(x, w) + b)), of one row of positions, all samples: y's lists of active
  // samples and their active parts. Rows may be done at the same time.
  void forward_row(const Batch& batch, std::size_t row, PooledMap& y);

  // backward: y.d_active and y.d_baseline -> one row of positions' partial of dw and db. Rows may be done at
  // the same time.
  void backward_row(const PooledMap& y, std::size_t row);

  // The sum of all partial sums:      dw (F, K*K), db (F), overwritten
  void reduce_backward(std::span<float> dw, std::span<float> db);

  const ConvPoolShape& shape() const { return shape_; }

  // For the kernels. A row of positions sees a strip of K+1 rows of pixels, padded with zeros on all sides.
  // Its strips are its own, though the next row sees half of the same pixels: no other thread writes to them.
  std::size_t strip_width() const { return 2 * shape_.columns() + shape_.kernel - 1; }
  std::size_t strip_size() const { return (shape_.kernel + 1) * strip_width(); }
  std::size_t padded_filters() const { return bias_.size(); }
  float* strip(std::size_t row, std::size_t s) { return &strips_[(row * capacity_ + s) * strip_size()]; }
  const float* strip(std::size_t row, std::size_t s) const {
    return const_cast<ConvPool*>(this)->strip(row, s);
  }
  std::uint8_t* strip_nonzero(std::size_t row, std::size_t s) {
    return &strip_nonzero_[(row * capacity_ + s) * strip_width()];
  }
  const float* weights() const { return weights_.data(); }
  const float* bias() const { return bias_.data(); }
  float* winners(const PooledMap& y, std::size_t p) {
    return &winners_[y.first_active(p) * padded_filters()];
  }
  const float* winners(const PooledMap& y, std::size_t p) const {
    return const_cast<ConvPool*>(this)->winners(y, p);
  }
  // Partial sums of a row: dw (K*K, F), then db (F).
  float* partial(std::size_t row) { return &partial_[row * partial_size()]; }
  std::size_t partial_size() const { return (shape_.taps() + 1) * padded_filters(); }

 private:
  ConvPoolShape shape_;
  std::size_t capacity_ = 0;
  Floats weights_, bias_;  // (K*K, F), (F)
  Floats strips_;          // (rows, B, K+1, strip width), 0 .. 1
  std::vector<std::uint8_t>
      strip_nonzero_;  // (rows, B, strip width), not 0: this column of the strip is not zero
  Floats winners_;     // as y's active: which of the four was largest, 0 .. 3 in row order; -1: ReLU's 0
  Floats partial_;     // (rows, K*K + 1, F)
};

}  // namespace nn
