// The activations: functions of one number, on a block of a matrix. Backward is told in terms of what forward
// leaves: its result y, or for gelu x, what it was given. A NaN stays a NaN, so that the loss shows it.
#pragma once

#include <cassert>
#include <cstddef>

#include "nn/core/matmul.hpp"
#include "nn/core/names.hpp"
#include "nn/layers/elementwise.hpp"
#include "nn/layers/layer.hpp"

namespace nn {

enum class Activation { relu, leaky_relu, sigmoid, tanh, gelu };

inline constexpr Names<Activation, 5> kActivationNames{{{"relu", Activation::relu},
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

// forward: y = x Phi(x), in place. Phi is the normal distribution itself, not the tanh that comes near it
// (Hendrycks & Gimpel, "Gaussian error linear units", 2016).
void gelu_forward(Matrix y);

// backward: dx = dy (Phi(x) + x phi(x)), in place; phi = Phi', the density
void gelu_backward(ConstMatrix x, Matrix dy);

// forward of any: y = f(y), in place
inline void activation_forward(Activation f, Matrix y) {
  switch (f) {
    case Activation::relu:
      return relu_forward(y);
    case Activation::leaky_relu:
      return leaky_relu_forward(y);
    case Activation::sigmoid:
      return sigmoid_forward(y);
    case Activation::tanh:
      return tanh_forward(y);
    case Activation::gelu:
      return gelu_forward(y);
  }
}

// backward of any: dy = dy f', in place. `seen` is what its backward looks at: y, or gelu's x.
inline void activation_backward(Activation f, ConstMatrix seen, Matrix dy) {
  switch (f) {
    case Activation::relu:
      return relu_backward(seen, dy);
    case Activation::leaky_relu:
      return leaky_relu_backward(seen, dy);
    case Activation::sigmoid:
      return sigmoid_backward(seen, dy);
    case Activation::tanh:
      return tanh_backward(seen, dy);
    case Activation::gelu:
      return gelu_backward(seen, dy);
  }
}

// The layer of any of them: element by element, whatever the shape.
class ActivationLayer : public Layer {
 public:
  explicit ActivationLayer(Activation f) : function(f) {}

  const char* name() const override { return name_of(kActivationNames, function); }
  bool in_place() const override { return function != Activation::gelu; }
  bool reads_output() const override { return function != Activation::gelu; }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    for_row_blocks(pass.team, x, y, [&](ConstMatrix from, Matrix to) {
      if (from.data != to.data) copy(from, to);
      activation_forward(function, to);
    });
  }
  void backward(ConstMatrix x, ConstMatrix y, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    if (!dx.data) return;
    for_row_blocks(pass.team, x.rows, x.cols, [&](std::size_t first, std::size_t count) {
      const Matrix d = rows(dx, first, count);
      if (dx.data != dy.data) copy(rows(dy, first, count), d);
      activation_backward(function, rows(function == Activation::gelu ? x : y, first, count), d);
    });
  }

  const Activation function;
};

template <Activation f>
class ActivationOf : public ActivationLayer {
 public:
  ActivationOf() : ActivationLayer(f) {}
};
using Relu = ActivationOf<Activation::relu>;
using LeakyRelu = ActivationOf<Activation::leaky_relu>;
using Sigmoid = ActivationOf<Activation::sigmoid>;
using Tanh = ActivationOf<Activation::tanh>;
using Gelu = ActivationOf<Activation::gelu>;

}  // namespace nn
