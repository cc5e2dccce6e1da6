// The images that a network takes.
#pragma once

#include <cstddef>
#include <string>
#include <variant>

#include "nn/models/any_model.hpp"

namespace nn {

struct InputSize {
  std::size_t pixels = 0;
  std::size_t rows = 0, cols = 0;  // 0 for dense layers: they know of no rows, any `pixels` pixels will do

  bool is(std::size_t r, std::size_t c) const { return rows == 0 ? r * c == pixels : r == rows && c == cols; }

  // "28 x 28 pixels", or "784 pixels"
  std::string text() const {
    if (rows == 0) return std::to_string(pixels) + " pixels";
    return std::to_string(rows) + " x " + std::to_string(cols) + " pixels";
  }
};

inline InputSize input_size(const MlpShape& shape) {
  return {.pixels = shape.inputs};
}
inline InputSize input_size(const CnnShape& shape) {
  return {.pixels = shape.height * shape.width, .rows = shape.height, .cols = shape.width};
}
inline InputSize input_size(const AttentionShape& shape) {
  return {.pixels = shape.height * shape.width, .rows = shape.height, .cols = shape.width};
}
inline InputSize input_size(const AnyModel& model) {
  return std::visit([](const auto& m) { return input_size(m.shape()); }, model);
}

}  // namespace nn
