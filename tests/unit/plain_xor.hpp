// What training of an XorNet means: the loops as one writes them down.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "nn/models/xor_net.hpp"

namespace nn::test {

inline double plain_train(XorNet& net, const XorSamples& samples, std::size_t epochs, double rate) {
  const std::size_t hidden = net.hidden();
  std::vector<double> h(hidden);
  double loss = 0;
  for (std::size_t epoch = 0; epoch < epochs; ++epoch) {
    loss = 0;
    for (const auto& [x0, x1, y] : samples) {
      double z = net.b2;
      for (std::size_t j = 0; j < hidden; ++j) {
        h[j] = 1 / (1 + std::exp(-(x0 * net.w1[j] + x1 * net.w1[hidden + j] + net.b1[j])));
        z += h[j] * net.w2[j];
      }
      const double o = 1 / (1 + std::exp(-z));
      loss += (y - o) * (y - o) / 4;

      const double dz = -(y - o) * o * (1 - o);
      for (std::size_t j = 0; j < hidden; ++j) {
        const double da = dz * net.w2[j] * h[j] * (1 - h[j]);
        net.w2[j] -= rate * dz * h[j];
        net.w1[j] -= rate * da * x0;
        net.w1[hidden + j] -= rate * da * x1;
        net.b1[j] -= rate * da;
      }
      net.b2 -= rate * dz;
    }
  }
  return loss;
}

}  // namespace nn::test
