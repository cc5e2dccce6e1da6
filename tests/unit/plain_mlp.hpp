// What Mlp means: the definition, loop by loop, in double precision.
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>
#include <vector>

#include "nn/data/batches.hpp"
#include "nn/models/mlp.hpp"
#include "plain_dense.hpp"

namespace nn::test {

inline double plain_activation(Activation f, double x) {
  switch (f) {
    case Activation::none:
      return x;
    case Activation::relu:
      return x > 0 ? x : 0;
    case Activation::leaky_relu:
      return x > 0 ? x : 0.01 * x;
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::gelu:
      return x * 0.5 * std::erfc(-x / std::numbers::sqrt2);
  }
  return 0;
}

// Its derivative.
inline double plain_slope(Activation f, double x) {
  const double y = plain_activation(f, x);
  switch (f) {
    case Activation::none:
      return 1;
    case Activation::relu:
      return x > 0 ? 1 : 0;
    case Activation::leaky_relu:
      return x > 0 ? 1 : 0.01;
    case Activation::sigmoid:
      return y * (1 - y);
    case Activation::tanh:
      return 1 - y * y;
    case Activation::gelu:
      return 0.5 * std::erfc(-x / std::numbers::sqrt2) +
             x * std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi);
  }
  return 0;
}

// Logits. What a layer's y is multiplied with, (B, H), is its dropout mask; `seed` is what drew the weights.
inline Doubles plain_mlp(Mlp& model, const Batch& batch, std::uint64_t seed) {
  Doubles x;  // (B, I)
  for (const std::uint8_t pixel : batch.pixels) x.push_back(pixel / 255.0);
  const std::vector<Tensor*> tensors = model.tensors();
  for (std::size_t l = 0; l < model.shape().layers.size(); ++l) {
    const MlpLayer& layer = model.shape().layers[l];
    x = plain_dense(x, *tensors[2 * l], *tensors[2 * l + 1]);
    Floats mask(x.size(), 1.0f);
    Dropout(layer.dropout, seed, batch.step, l).forward(mat(mask, batch.size, layer.units), 0, 0);
    for (std::size_t i = 0; i < x.size(); ++i) {
      x[i] = plain_activation(layer.activation, x[i]) * static_cast<double>(mask[i]);
    }
  }
  return x;
}

}  // namespace nn::test
