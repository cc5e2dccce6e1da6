// WeightAverage: the exponential moving average of a network's weights over the steps of its training
// (Polyak & Juditsky, 1992; as in "Mean teachers", Tarvainen & Valpola, 2017).
//
//   average = d average + (1 - d) weights,  d = min(decay, (1 + t) / (10 + t)) at step t
//
// d rises at the beginning, so that the first weights, which are random, are soon forgotten. A network with
// the average is often better than with the last step's weights, whose noise it does not have.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "nn/core/parallel.hpp"
#include "nn/core/tensor.hpp"
#include "nn/layers/elementwise.hpp"

namespace nn {

class WeightAverage {
 public:
  bool empty() const { return values.empty(); }

  // After step `t` >= 1. `state`: every parameter and buffer of the network, in the same order each time.
  void update(const std::vector<Tensor*>& state, double decay, std::uint64_t t, ThreadTeam& team) {
    if (empty()) {
      for (const Tensor* tensor : state) values.push_back(tensor->value);
      return;
    }
    const double steps = static_cast<double>(t);
    const float part = static_cast<float>(1.0 - std::min(decay, (1 + steps) / (10 + steps)));
    for (std::size_t i = 0; i < state.size(); ++i) {
      const float* const weights = state[i]->value.data();
      float* const average = values[i].data();
      for_row_blocks(team, values[i].size(), std::size_t{1}, [&](std::size_t first, std::size_t count) {
        for (std::size_t k = first; k < first + count; ++k) average[k] += part * (weights[k] - average[k]);
      });
    }
  }

  // Exchanges the network's weights and the average; does nothing while there is none.
  void swap(const std::vector<Tensor*>& state) {
    for (std::size_t i = 0; i < values.size(); ++i) std::swap(state[i]->value, values[i]);
  }

  std::vector<Floats> values;  // as `state`
};

}  // namespace nn
