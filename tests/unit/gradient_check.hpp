// Finite differences against backward(), for every tensor of a model.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/batches.hpp"

namespace nn::test {

// A batch of random images with about `ink` of the pixels not 0.
struct RandomBatch {
  RandomBatch(std::size_t size, std::size_t image_size, std::size_t classes, SimpleRng& rng, float ink = 0.4f)
      : pixels(size * image_size), labels(size) {
    for (auto& p : pixels)
      p = rng.next_f32() < ink ? static_cast<std::uint8_t>(1 + rng.below(255)) : std::uint8_t{0};
    for (auto& l : labels) l = static_cast<std::uint8_t>(rng.below(static_cast<std::uint32_t>(classes)));
  }
  Batch batch() const { return {labels.size(), pixels, labels}; }

  std::vector<std::uint8_t> pixels, labels;
};

// The sum of logit * dlogit: what backward(dlogits) differentiates. L: floats, or doubles of a plain forward.
template <class L>
double logit_loss(const L& logits, std::span<const float> dlogits) {
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    sum += static_cast<double>(logits[i]) * static_cast<double>(dlogits[i]);
  }
  return sum;
}

// Biases away from 0, and all values multiples of 2^-12, to which the tiny step of a finite difference in
// double precision is added exactly.
inline void spread_parameters(const std::vector<Tensor*>& tensors, SimpleRng& rng) {
  for (Tensor* t : tensors) {
    for (float& v : t->value) {
      if (t->shape.size() == 1) {
        const float distance = rng.range(0.3f, 0.6f);
        v = rng.next_u32() & 1 ? distance : -distance;
      }
      v = std::round(v * 0x1p12f) * 0x1p-12f;
    }
  }
}

// Largest difference between grad and the central difference of `loss` over the elements of `t`, relative to
// the largest gradient there. At most `probes` elements are probed, evenly spread. NaN if anything is NaN.
template <class Loss>
double max_grad_error(Tensor& t, Loss loss, float step = 1e-2f, std::size_t probes = 200) {
  double largest = 1e-4, error = 0;
  for (const float g : t.grad) largest = std::max(largest, std::abs(static_cast<double>(g)));
  const std::size_t stride = std::max<std::size_t>(1, t.value.size() / probes);
  for (std::size_t i = 0; i < t.value.size(); i += stride) {
    const float kept = t.value[i];
    t.value[i] = kept + step;
    const double above = loss();
    t.value[i] = kept - step;
    const double below = loss();
    t.value[i] = kept;
    const double numeric = (above - below) / (2.0 * static_cast<double>(step));
    const double difference = std::abs(numeric - static_cast<double>(t.grad[i])) / largest;
    if (!(difference <= error)) error = difference;  // keeps a NaN
    if (std::isnan(error)) return error;
  }
  return error;
}

}  // namespace nn::test
