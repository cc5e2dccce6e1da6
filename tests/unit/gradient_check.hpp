// Finite differences against backward(), and random images.
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

// A batch of random images with about `density` of the pixels not 0.
struct RandomBatch {
  RandomBatch(std::size_t size, std::size_t image_size, std::size_t classes, SimpleRng& rng,
              float density = 0.4f)
      : pixels(size * image_size), labels(size) {
    for (auto& p : pixels)
      p = rng.next_f32() < density ? static_cast<std::uint8_t>(1 + rng.below(255)) : std::uint8_t{0};
    for (auto& l : labels) l = static_cast<std::uint8_t>(rng.below(static_cast<std::uint32_t>(classes)));
  }
  Batch batch() const { return {labels.size(), pixels, labels}; }

  std::vector<std::uint8_t> pixels, labels;
};

// The sum of y * dy: what backward(dy) differentiates.
inline double weighted_sum(std::span<const float> y, std::span<const float> dy) {
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) sum += static_cast<double>(y[i]) * static_cast<double>(dy[i]);
  return sum;
}

// Largest difference between `grad` and the central difference of `loss` over `values`, relative to the
// largest gradient there, or to `least`, if that is more: where gradients are 0, all that differs is
// rounding. At most `probes` values are probed, evenly spread. NaN if anything is NaN.
template <class Loss>
double max_grad_error(std::span<float> values, std::span<const float> grad, double least, Loss loss,
                      float step = 4e-3f, std::size_t probes = 200) {
  double largest = least, error = 0;
  for (const float g : grad) largest = std::max(largest, std::abs(static_cast<double>(g)));
  const std::size_t stride = std::max<std::size_t>(1, values.size() / probes);
  for (std::size_t i = 0; i < values.size(); i += stride) {
    const float kept = values[i];
    values[i] = kept + step;
    const double above = loss();
    values[i] = kept - step;
    const double below = loss();
    values[i] = kept;
    const double numeric = (above - below) / (2.0 * static_cast<double>(step));
    const double difference = std::abs(numeric - static_cast<double>(grad[i])) / largest;
    if (!(difference <= error)) error = difference;  // keeps a NaN
    if (std::isnan(error)) return error;
  }
  return error;
}

}  // namespace nn::test
