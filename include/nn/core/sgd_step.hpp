// Plain stochastic gradient descent.
#pragma once

#include <algorithm>
#include <cstddef>

#include "nn/core/parallel.hpp"
#include "nn/core/tensor.hpp"

namespace nn {

// w -= rate dw
inline void sgd_step(Tensor& t, float rate, ThreadTeam& team) {
  constexpr std::size_t block = 65536;
  team.parallel_for((t.value.size() + block - 1) / block, [&](std::size_t b) {
    const std::size_t end = std::min(t.value.size(), (b + 1) * block);
    for (std::size_t i = b * block; i < end; ++i) t.value[i] -= rate * t.grad[i];
  });
}

}  // namespace nn
