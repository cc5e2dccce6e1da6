// The smallest network that needs a hidden layer, in double precision, and its training: all of it, as one
// writes it down. fusions/xor_sgd.hpp trains it faster.
//
//   x (2) -> h = sigmoid(x w1 + b1) (H) -> o = sigmoid(h . w2 + b2)
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "nn/core/names.hpp"
#include "nn/core/rng.hpp"

namespace nn {

inline double sigmoid(double a) {
  return 1.0 / (1.0 + std::exp(-a));
}

struct XorNet {
  std::vector<double> w1;  // (2, H), row-major
  std::vector<double> b1;  // (H)
  std::vector<double> w2;  // (H)
  double b2;

  // `hidden` >= 1 units. All parameters uniform in +-0.5, drawn in the order above.
  XorNet(std::size_t hidden_units, SimpleRng& rng)
      : w1(2 * hidden_units), b1(hidden_units), w2(hidden_units) {
    for (std::vector<double>* values : {&w1, &b1, &w2}) {
      for (double& value : *values) value = rng.range(-0.5, 0.5);
    }
    b2 = rng.range(-0.5, 0.5);
  }

  std::size_t hidden() const { return b1.size(); }

  // h for one input, (H).
  std::vector<double> hidden_layer(double x0, double x1) const {
    std::vector<double> h(hidden());
    for (std::size_t j = 0; j < h.size(); ++j) h[j] = sigmoid(b1[j] + x0 * w1[j] + x1 * w1[hidden() + j]);
    return h;
  }
  // o, in 0 .. 1.
  double output(const std::vector<double>& h) const {
    double z = b2;
    for (std::size_t j = 0; j < h.size(); ++j) z += w2[j] * h[j];
    return sigmoid(z);
  }
  double predict(double x0, double x1) const { return output(hidden_layer(x0, x1)); }
};

struct XorSample {
  double x0, x1;
  double y;  // what the network should predict, 0 .. 1
};
using XorSamples = std::array<XorSample, 4>;

// One step of stochastic gradient descent on (y - o)^2 / 2. Returns (y - o)^2, from before the step.
inline double sgd_step(XorNet& net, const XorSample& sample, double rate) {
  // forward
  const auto& [x0, x1, y] = sample;
  const std::vector<double> h = net.hidden_layer(x0, x1);
  const double o = net.output(h);

  // backward: sigmoid' = sigmoid (1 - sigmoid), so dz = (o - y) o (1 - o), where o = sigmoid(z), and
  // da = dz w2 h (1 - h), where h = sigmoid(a)
  const double dz = (o - y) * o * (1 - o);
  std::vector<double> da(net.hidden());
  for (std::size_t j = 0; j < da.size(); ++j) da[j] = dz * net.w2[j] * h[j] * (1 - h[j]);

  // update: w -= rate dw, where dw2 = h dz, db2 = dz, dw1 = x da, db1 = da
  for (std::size_t j = 0; j < h.size(); ++j) {
    net.w2[j] -= rate * dz * h[j];
    net.w1[j] -= rate * da[j] * x0;
    net.w1[net.hidden() + j] -= rate * da[j] * x1;
    net.b1[j] -= rate * da[j];
  }
  net.b2 -= rate * dz;
  return (y - o) * (y - o);
}

// `epochs` >= 1 passes over the samples, a step each, in their order. Returns the last epoch's mean of (y -
// o)^2.
inline double train(XorNet& net, const XorSamples& samples, std::size_t epochs, double rate) {
  double sum = 0;
  for (std::size_t epoch = 0; epoch < epochs; ++epoch) {
    sum = 0;
    for (const XorSample& sample : samples) sum += sgd_step(net, sample, rate);
  }
  return sum / static_cast<double>(samples.size());
}

// The truth of a logic gate for the inputs 00, 01, 10, 11.
using Gate = std::array<double, 4>;
inline constexpr Names<Gate, 6> kGateNames{{{"xor", {0, 1, 1, 0}},
                                            {"and", {0, 0, 0, 1}},
                                            {"or", {0, 1, 1, 1}},
                                            {"nand", {1, 1, 1, 0}},
                                            {"nor", {1, 0, 0, 0}},
                                            {"xnor", {1, 0, 0, 1}}}};

// The four inputs with their truth, in that order.
inline XorSamples truth_table(const Gate& truth) {
  return {{{0, 0, truth[0]}, {0, 1, truth[1]}, {1, 0, truth[2]}, {1, 1, truth[3]}}};
}

}  // namespace nn
