// What a dense layer means: three loops, in double precision.
#pragma once

#include <cstddef>
#include <vector>

#include "nn/core/tensor.hpp"

namespace nn::test {

using Doubles = std::vector<double>;

// y = x w + b      (N, I) (I, O) + (O) -> (N, O)
inline Doubles plain_dense(const Doubles& x, const Tensor& w, const Tensor& b) {
  const std::size_t in = w.shape[0], out = w.shape[1];
  Doubles y;
  for (std::size_t n = 0; n < x.size() / in; ++n) {
    for (std::size_t o = 0; o < out; ++o) {
      double sum = static_cast<double>(b.value[o]);
      for (std::size_t i = 0; i < in; ++i) sum += x[n * in + i] * static_cast<double>(w.value[i * out + o]);
      y.push_back(sum);
    }
  }
  return y;
}

}  // namespace nn::test
