// The dense layer over a pooled map: y = x w + b with few outputs, over the active positions only.
//
// x is y of pooled_map.hpp, baseline[f] + active[s, p, f]. Forward and backward of a row of positions go over
// the whole batch, so that the row's weights belong to one thread alone.
#pragma once

#include <cstddef>
#include <span>

#include "nn/core/tensor.hpp"
#include "nn/fusions/pooled_map.hpp"

namespace nn {

// B samples, P positions, F filters, C classes. Weights are (F, P, C): an input's weights lie side by side.
class PooledDense {
 public:
  PooledDense(const PooledMap& x, std::size_t classes)
      : rows_(x.rows()), classes_(classes), scratch_(x.rows() * scratch_size(x)) {}

  // Memory for batches of up to `samples` images.
  void reserve(std::size_t samples) {
    capacity_ = samples;
    partial_.resize(rows_ * partial_size());
  }

  // forward: one row of positions' partial of the logits. Rows may be done at the same time.
  void forward_row(const PooledMap& x, std::size_t samples, std::size_t row, std::span<const float> w);

  // The sum of all partial sums:      logits = x w + b      (B, P, F) (F, P, C) + (C) -> (B, C), overwritten
  void reduce_forward(std::size_t samples, std::span<const float> b, std::span<float> logits);

  // backward: db (C), overwritten
  void backward_bias(std::span<const float> dlogits, std::span<float> db) const;

  // backward: x.d_active = dlogits w^T, x.d_baseline = db w^T, dw = x^T dlogits, for one row of positions,
  // after backward_bias. dw overwritten; rows may be done at the same time.
  void backward_row(PooledMap& x, std::size_t row, std::span<const float> w, std::span<const float> dlogits,
                    std::span<const float> db, std::span<float> dw);

  // The same and a step of SGD in one: w -= rate x^T dlogits.
  void step_row(PooledMap& x, std::size_t row, std::span<const float> dlogits, std::span<const float> db,
                float rate, std::span<float> w);

 private:
  float* partial(std::size_t row) { return &partial_[row * partial_size()]; }
  std::size_t partial_size() const { return (1 + capacity_) * classes_; }
  std::size_t scratch_size(const PooledMap& x) const {
    return 2 * x.columns() * classes_ * x.padded_filters();
  }

  std::size_t rows_, classes_, capacity_ = 0;
  Floats
      partial_;  // (rows, 1 + B, C), what a row adds to the logits: baseline, then all samples' active part
  Floats scratch_;  // (rows, 2, columns, C, F): w and dw of a row
};

}  // namespace nn
