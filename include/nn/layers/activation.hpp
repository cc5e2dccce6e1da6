// The activations: functions of one number, on a block of a matrix. Backward is told in terms of what forward
// leaves: its result y, and for gelu x, what it was given. A NaN stays a NaN, so that the loss shows it.
#pragma once

#include <cassert>
#include <cstddef>

#include "nn/core/matmul.hpp"
#include "nn/core/names.hpp"

namespace nn {

enum class Activation { none, relu, leaky_relu, sigmoid, tanh, gelu };

inline constexpr Names<Activation, 6> kActivationNames{{{"none", Activation::none},
                                                        {"relu", Activation::relu},
                                                        {"leaky-relu", Activation::leaky_relu},
                                                        {"sigmoid", Activation::sigmoid},
                                                        {"tanh", Activation::tanh},
                                                        {"gelu", Activation::gelu}}};

namespace detail {
// y = f(y), element by element
template <class F>
void for_elements(Matrix y, F f) {
  for (std::size_t r = 0; r < y.rows; ++r) {
    float* row = y.data + r * y.stride;
    for (std::size_t c = 0; c < y.cols; ++c) row[c] = f(row[c]);
  }
}

// dy = f(y, dy), element by element
template <class F>
void for_elements(ConstMatrix y, Matrix dy, F f) {
  assert(y.rows == dy.rows && y.cols == dy.cols);
  for (std::size_t r = 0; r < y.rows; ++r) {
    const float* row = y.data + r * y.stride;
    float* drow = dy.data + r * dy.stride;
    for (std::size_t c = 0; c < y.cols; ++c) drow[c] = f(row[c], drow[c]);
  }
}
}  // namespace detail

// forward: y = max(x, 0), in place
inline void relu_forward(Matrix x) {
  detail::for_elements(x, [](float v) { return v < 0.0f ? 0.0f : v; });
}

// backward: dx = dy where y > 0, else 0, in place
inline void relu_backward(ConstMatrix y, Matrix dy) {
  detail::for_elements(y, dy, [](float v, float d) { return v > 0.0f ? d : 0.0f; });
}

inline constexpr float kLeak = 0.01f;

// forward: y = x where x > 0, else kLeak x, in place
inline void leaky_relu_forward(Matrix x) {
  detail::for_elements(x, [](float v) { return v > 0.0f ? v : kLeak * v; });
}

// backward: dx = dy where y > 0, else kLeak dy, in place
inline void leaky_relu_backward(ConstMatrix y, Matrix dy) {
  detail::for_elements(y, dy, [](float v, float d) { return v > 0.0f ? d : kLeak * d; });
}

// forward: y = 1 / (1 + exp(-x)), in place
void sigmoid_forward(Matrix x);

// backward: dx = dy y (1 - y), in place
inline void sigmoid_backward(ConstMatrix y, Matrix dy) {
  detail::for_elements(y, dy, [](float v, float d) { return d * v * (1.0f - v); });
}

// forward: y = tanh x, in place
void tanh_forward(Matrix x);

// backward: dx = dy (1 - y^2), in place
inline void tanh_backward(ConstMatrix y, Matrix dy) {
  detail::for_elements(y, dy, [](float v, float d) { return d * (1.0f - v * v); });
}

// forward: y = x Phi(x), in place, and x, what was given. Phi is the normal distribution itself, not the tanh
// that comes near it (Hendrycks & Gimpel, "Gaussian error linear units", 2016).
void gelu_forward(Matrix y, Matrix x);

// backward: dx = dy (Phi(x) + x phi(x)), in place; phi = Phi', the density
void gelu_backward(ConstMatrix x, Matrix dy);

// forward of any: y = f(y), in place. Only gelu looks at x.
inline void activation_forward(Activation f, Matrix y, Matrix x) {
  switch (f) {
    case Activation::none:
      return;
    case Activation::relu:
      return relu_forward(y);
    case Activation::leaky_relu:
      return leaky_relu_forward(y);
    case Activation::sigmoid:
      return sigmoid_forward(y);
    case Activation::tanh:
      return tanh_forward(y);
    case Activation::gelu:
      return gelu_forward(y, x);
  }
}

// backward of any: dy = dy f', in place
inline void activation_backward(Activation f, ConstMatrix y, ConstMatrix x, Matrix dy) {
  switch (f) {
    case Activation::none:
      return;
    case Activation::relu:
      return relu_backward(y, dy);
    case Activation::leaky_relu:
      return leaky_relu_backward(y, dy);
    case Activation::sigmoid:
      return sigmoid_backward(y, dy);
    case Activation::tanh:
      return tanh_backward(y, dy);
    case Activation::gelu:
      return gelu_backward(x, dy);
  }
}

}  // namespace nn
