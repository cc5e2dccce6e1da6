// How weights start. Biases start at 0.
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>

#include "nn/core/names.hpp"
#include "nn/core/rng.hpp"
#include "nn/core/tensor.hpp"

namespace nn {

enum class Init {
  xavier,  // uniform in +-sqrt(6 / (in + out)): Glorot & Bengio, 2010
  he,      // uniform in +-sqrt(6 / in): He et al., 2015, for ReLU
  normal   // normal with mean 0 and deviation 0.01: Krizhevsky et al., 2012
};

inline constexpr Names<Init, 3> kInitNames{
    {{"xavier", Init::xavier}, {"he", Init::he}, {"normal", Init::normal}}};

// Draws all of w, in row-major order, for a layer in which a unit has `in` inputs and an input goes to `out`
// units. `normal` draws two next_f64 for two values, by Box & Muller: the cosine's first; an odd last value's
// partner is dropped.
inline void draw_weights(Tensor& w, Init init, std::size_t in, std::size_t out, SimpleRng& rng) {
  if (init == Init::normal) {
    for (std::size_t i = 0; i < w.value.size(); i += 2) {
      const double radius = 0.01 * std::sqrt(-2.0 * std::log(1.0 - rng.next_f64()));
      const double angle = 2.0 * std::numbers::pi * rng.next_f64();
      w.value[i] = static_cast<float>(radius * std::cos(angle));
      if (i + 1 < w.value.size()) w.value[i + 1] = static_cast<float>(radius * std::sin(angle));
    }
    return;
  }
  const float limit = std::sqrt(6.0f / static_cast<float>(init == Init::xavier ? in + out : in));
  for (float& v : w.value) v = rng.range(-limit, limit);
}

}  // namespace nn
