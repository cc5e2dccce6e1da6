// The shape of what flows between two layers, of one sample.
#pragma once

#include <cassert>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <numeric>
#include <string>
#include <vector>

#include "nn/core/text.hpp"

namespace nn {

// A vector (N), tokens (S, D), or an image (H, W, C): positions, each with its channels, which lie side by
// side. So every batch is a matrix twice over: (B, size) by samples, and (B * positions, channels) by
// positions.
struct Shape {
  std::vector<std::size_t> extents;

  Shape(std::initializer_list<std::size_t> list) : extents(list) {
    assert(list.size() >= 1 && list.size() <= 3);
  }

  bool is_vector() const { return extents.size() == 1; }
  bool is_tokens() const { return extents.size() == 2; }
  bool is_image() const { return extents.size() == 3; }
  std::size_t size() const {
    return std::accumulate(extents.begin(), extents.end(), std::size_t{1}, std::multiplies<>());
  }
  std::size_t channels() const { return extents.back(); }
  std::size_t positions() const { return size() / channels(); }

  // Of an image.
  std::size_t height() const { return extents[0]; }
  std::size_t width() const { return extents[1]; }

  // "784", "49 x 64", "28 x 28 x 1"
  std::string text() const { return join(extents, " x "); }

  bool operator==(const Shape&) const = default;
};

}  // namespace nn
