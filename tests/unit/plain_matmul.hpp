// What matmul means: three loops.
#pragma once

#include "nn/core/matmul.hpp"

namespace nn::test {

inline float at(ConstMatrix m, std::size_t row, std::size_t col) {
  return m.is_transposed ? m.data[col * m.stride + row] : m.data[row * m.stride + col];
}

// c += a b
inline void plain_matmul_add(ConstMatrix a, ConstMatrix b, Matrix c) {
  for (std::size_t i = 0; i < c.rows; ++i) {
    for (std::size_t j = 0; j < c.cols; ++j) {
      for (std::size_t k = 0; k < a.cols; ++k) c.data[i * c.stride + j] += at(a, i, k) * at(b, k, j);
    }
  }
}

}  // namespace nn::test
