// The smallest network that needs a hidden layer: two inputs, one output, in double precision.
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

  // The output for one input, in 0 .. 1.
  double predict(double x0, double x1) const {
    double z = b2;
    for (std::size_t j = 0; j < hidden(); ++j) {
      z += w2[j] * sigmoid(b1[j] + x0 * w1[j] + x1 * w1[hidden() + j]);
    }
    return sigmoid(z);
  }
};

struct XorSample {
  double x0, x1;
  double y;  // what the network should answer, 0 .. 1
};
using XorSamples = std::array<XorSample, 4>;

// What a logic gate answers to the inputs 00, 01, 10, 11.
using Gate = std::array<double, 4>;
inline constexpr Names<Gate, 6> kGateNames{{{"xor", {0, 1, 1, 0}},
                                            {"and", {0, 0, 0, 1}},
                                            {"or", {0, 1, 1, 1}},
                                            {"nand", {1, 1, 1, 0}},
                                            {"nor", {1, 0, 0, 0}},
                                            {"xnor", {1, 0, 0, 1}}}};

// The four inputs with their answers, in that order.
inline XorSamples truth_table(const Gate& answers) {
  return {{{0, 0, answers[0]}, {0, 1, answers[1]}, {1, 0, answers[2]}, {1, 1, answers[3]}}};
}

// `epochs` >= 1 passes over the samples in their order, each followed at once by a step of gradient descent
// on (y - o)^2 / 2. Returns the last epoch's mean of (y - o)^2, each taken before the sample's own step.
double train(XorNet& net, const XorSamples& samples, std::size_t epochs, double rate);

}  // namespace nn
