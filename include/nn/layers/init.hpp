// How weights start. Biases start at 0.
#pragma once

#include <cassert>
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

// w (in, out), drawn in row-major order. `normal` draws two next_f64 for two values, by Box & Muller: the
// cosine's first; an odd last value's partner is dropped.
inline void draw_weights(Tensor& w, Init init, SimpleRng& rng) {
  assert(w.shape.size() == 2);
  switch (init) {
    case Init::xavier:
      return xavier_uniform(w, w.shape[0], w.shape[1], rng);
    case Init::he: {
      const float limit = std::sqrt(6.0f / static_cast<float>(w.shape[0]));
      for (float& v : w.value) v = rng.range(-limit, limit);
      return;
    }
    case Init::normal:
      for (std::size_t i = 0; i < w.value.size(); i += 2) {
        const double radius = 0.01 * std::sqrt(-2.0 * std::log(1.0 - rng.next_f64()));
        const double angle = 2.0 * std::numbers::pi * rng.next_f64();
        w.value[i] = static_cast<float>(radius * std::cos(angle));
        if (i + 1 < w.value.size()) w.value[i + 1] = static_cast<float>(radius * std::sin(angle));
      }
  }
}

}  // namespace nn
