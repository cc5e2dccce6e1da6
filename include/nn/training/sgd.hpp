// Plain gradient descent.
#pragma once

#include "nn/core/tensor.hpp"

namespace nn {

// w -= rate dw
inline void descend(Tensor& t, float rate) {
  for (std::size_t i = 0; i < t.value.size(); ++i) t.value[i] -= rate * t.grad[i];
}

}  // namespace nn
