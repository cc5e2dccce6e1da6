// The dense layer over a pooled map: y = x w + b with few outputs, over the inked positions only.
//
// x is y of pooled_map.hpp, blank[f] + ink[s, p, f]. What blank contributes is the same for every sample; it
// needs nothing but the sum of each filter's weights over all positions.
#pragma once

#include <cstddef>
#include <span>

#include "nn/core/tensor.hpp"
#include "nn/layers/pooled_map.hpp"

namespace nn {

// B samples, P positions, F filters, C classes. Weights are (F, P, C): an input's weights lie side by side.
class PooledDense {
 public:
  PooledDense(const PooledMap& x, std::size_t classes)
      : classes_(classes),
        sums_(x.filters() * classes),
        blank_logits_(classes),
        scratch_(x.rows() * x.padded_filters() * classes * 2) {}

  // To be called before the forward passes of a batch: what all samples share.
  void load_weights(std::span<const float> w, std::span<const float> b, const PooledMap& x);

  // forward: logits = x w + b, of one sample      (P, F) (F, P, C) + (C) -> (C), overwritten
  void forward(const PooledMap& x, std::size_t sample, std::span<const float> w,
               std::span<float> logits) const;

  // backward: x.dblank and db, from the whole batch      (B, C) -> (F), (C), overwritten
  void backward_blank(PooledMap& x, std::span<const float> dlogits, std::span<float> db) const;

  // backward: x.dink = dlogits w^T, dw = x^T dlogits, for one row of positions, after backward_blank.
  // dw overwritten; rows may be done at the same time. x.inked_samples() tells the samples.
  void backward_row(PooledMap& x, std::size_t row, std::span<const float> w, std::span<const float> dlogits,
                    std::span<const float> db, std::span<float> dw);

  // The same and a step of gradient descent in one: w -= rate x^T dlogits.
  void descend_row(PooledMap& x, std::size_t row, std::span<const float> dlogits, std::span<const float> db,
                   float rate, std::span<float> w);

  std::size_t classes() const { return classes_; }

 private:
  std::size_t classes_;
  Floats sums_;          // (F, C), of the weights over all positions, for filters whose blank is not 0
  Floats blank_logits_;  // (C)
  Floats scratch_;       // (rows, 2, C, F): w and dw of the position that a row is at
};

}  // namespace nn
