// The dense layer. Works on whole matrices or on blocks of them: the views say which.
#pragma once

#include <algorithm>
#include <cassert>
#include <span>

#include "nn/core/matmul.hpp"

namespace nn {

// forward: y = x w + b      (B, I) (I, O) + (O) -> (B, O), overwritten. A block is a few samples.
inline void dense_forward(ConstMatrix x, ConstMatrix w, std::span<const float> b, Matrix y) {
  assert(b.size() == y.cols);
  for (std::size_t s = 0; s < y.rows; ++s) std::ranges::copy(b, y.data + s * y.stride);
  matmul_add(x, w, y);
}

// backward: dw = x^T dy     (I, B) (B, O) -> (I, O), overwritten
//           dx = dy w^T     (B, O) (O, I) -> (B, I), overwritten. A block is a few inputs.
inline void dense_backward(ConstMatrix x, ConstMatrix w, ConstMatrix dy, Matrix dx, Matrix dw) {
  matmul(transposed(x), dy, dw);
  matmul(dy, transposed(w), dx);
}

// backward: db = sum of dy over the batch      (B, O) -> (O), overwritten
inline void bias_backward(ConstMatrix dy, std::span<float> db) {
  assert(db.size() == dy.cols);
  std::ranges::fill(db, 0.0f);
  for (std::size_t s = 0; s < dy.rows; ++s) {
    for (std::size_t o = 0; o < dy.cols; ++o) db[o] += dy.data[s * dy.stride + o];
  }
}

}  // namespace nn
