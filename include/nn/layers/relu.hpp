// ReLU, on a block of a matrix.
#pragma once

#include <algorithm>
#include <cassert>

#include "nn/core/matmul.hpp"

namespace nn {

// forward: y = max(y, 0), in place
inline void relu_forward(Matrix y) {
  for (std::size_t s = 0; s < y.rows; ++s) {
    float* row = y.data + s * y.stride;
    for (std::size_t c = 0; c < y.cols; ++c) row[c] = row[c] > 0.0f ? row[c] : 0.0f;
  }
}

// backward: dx = dy where y > 0, else 0, in place; y is forward's result
inline void relu_backward(ConstMatrix y, Matrix dy) {
  assert(y.rows == dy.rows && y.cols == dy.cols);
  for (std::size_t s = 0; s < y.rows; ++s) {
    const float* row = y.data + s * y.stride;
    float* drow = dy.data + s * dy.stride;
    for (std::size_t c = 0; c < y.cols; ++c) drow[c] = row[c] > 0.0f ? drow[c] : 0.0f;
  }
}

}  // namespace nn
