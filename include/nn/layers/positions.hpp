// What a token is told of its place in the image.
#pragma once

#include <cmath>
#include <cstddef>

#include "nn/core/names.hpp"
#include "nn/core/rng.hpp"
#include "nn/core/tensor.hpp"

namespace nn {

enum class Position {
  sinusoidal,  // sines and cosines (Vaswani et al., 2017) to start with, trained like everything else
  learned,     // small random numbers to start with
  none         // nothing: 0, and never trained
};

inline constexpr Names<Position, 3> kPositionNames{
    {{"sinusoidal", Position::sinusoidal}, {"learned", Position::learned}, {"none", Position::none}}};

// pos (S, D), given as zeros. Only `learned` draws from `rng`.
inline void start_positions(Tensor& pos, Position position, SimpleRng& rng) {
  const std::size_t width = pos.shape[1];
  for (std::size_t i = 0; i < pos.value.size(); ++i) {
    const std::size_t t = i / width, d = i % width;
    if (position == Position::learned) pos.value[i] = rng.range(-0.1f, 0.1f);
    if (position == Position::sinusoidal) {
      const double exponent = static_cast<double>(d / 2 * 2) / static_cast<double>(width);
      const double angle = static_cast<double>(t) / std::pow(10000.0, exponent);
      pos.value[i] = static_cast<float>(d % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  }
}

}  // namespace nn
