// Tensor: a named array of floats with its gradient. What a model owns and an optimizer moves.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/core/memory.hpp"

namespace nn {

using Floats = std::vector<float, ArrayAllocator<float>>;

// Whether no value is NaN or infinite. All are looked at, so that compilers make vectors of it.
template <std::floating_point T>
bool finite(std::span<const T> values) {
  bool all = true;
  for (const T v : values) all &= std::isfinite(v);
  return all;
}

struct Tensor {
  Tensor() = default;
  // All zeros. `shape` in row-major order; its product is the number of elements.
  Tensor(std::string name_, std::vector<std::size_t> shape_)
      : name(std::move(name_)), shape(std::move(shape_)), value(elements()) {}

  void allocate() { value.resize(elements()); }

  // To be called before `grad` is written: whoever only runs a model forward does without the memory.
  void make_grad() { grad.resize(value.size()); }

  std::size_t elements() const {
    return std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
  }

  std::string name;                // as in a saved file: "W1"
  std::vector<std::size_t> shape;  // {in, out} for a dense layer's weights
  Floats value;
  Floats grad;  // d(mean loss of the batch) / d(value), overwritten by every backward pass

  // An optimizer's memory, empty until one needs it: velocity or first moment, second moment.
  Floats moment1, moment2;
};

// A tensor without memory for its values: allocate() makes them, all 0.
inline Tensor declared(std::string name, std::vector<std::size_t> shape) {
  Tensor t;
  t.name = std::move(name);
  t.shape = std::move(shape);
  return t;
}

}  // namespace nn
