// The layers of a multi-layer perceptron, told one after the other:
//
//   Mlp::input(784).dense(256, Init::he).relu().dropout(0.2).dense(10)
#pragma once

#include <cassert>
#include <cstddef>
#include <string>
#include <vector>

#include "nn/core/rng.hpp"
#include "nn/layers/activation.hpp"
#include "nn/layers/init.hpp"

namespace nn {

class Mlp;

// y = dropout(activation(x W + b)). The last layer makes the logits: it has neither activation nor dropout.
struct MlpLayer {
  std::size_t units = 0;
  Init init = Init::xavier;  // of W; the weights once drawn, it has no effect and is in no file
  Activation activation = Activation::none;
  double dropout = 0;  // in [0, 1): the share of y to drop in training
};

struct MlpShape {
  std::size_t inputs = 784;  // pixels
  std::vector<MlpLayer> layers{};

  // Adds a layer; what follows is said of it. Its activation, if it has one, comes before its dropout.
  MlpShape& dense(std::size_t units, Init init = Init::xavier) {
    layers.push_back({.units = units, .init = init});
    return *this;
  }
  MlpShape& activation(Activation f) {
    assert(!layers.empty() && layers.back().activation == Activation::none && layers.back().dropout == 0);
    layers.back().activation = f;
    return *this;
  }
  MlpShape& relu() { return activation(Activation::relu); }
  MlpShape& leaky_relu() { return activation(Activation::leaky_relu); }
  MlpShape& sigmoid() { return activation(Activation::sigmoid); }
  MlpShape& tanh() { return activation(Activation::tanh); }
  MlpShape& gelu() { return activation(Activation::gelu); }
  MlpShape& dropout(double rate) {
    assert(!layers.empty() && rate >= 0 && rate < 1);
    layers.back().dropout = rate;
    return *this;
  }
  Mlp build(SimpleRng& rng) const;  // in mlp.hpp

  std::size_t classes() const { return layers.back().units; }

  std::size_t parameters() const {
    std::size_t count = 0, in = inputs;
    for (const MlpLayer& layer : layers) {
      count += (in + 1) * layer.units;
      in = layer.units;
    }
    return count;
  }

  // "784 -> 256 (relu, dropout 0.2) -> 10 (softmax)"
  std::string summary() const {
    std::string text = std::to_string(inputs);
    for (const MlpLayer& layer : layers) {
      text += " -> " + std::to_string(layer.units) + " (";
      text += &layer == &layers.back() ? "softmax" : name_of(kActivationNames, layer.activation);
      if (layer.dropout > 0) {
        std::string rate = std::to_string(layer.dropout);
        rate.erase(rate.find_last_not_of('0') + 1);
        text += ", dropout " + rate;
      }
      text += ")";
    }
    return text;
  }
};

}  // namespace nn
