// What Augmenter::apply() computes, pixel by pixel in double precision.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/data/augment.hpp"

namespace nn::test {

inline std::vector<std::uint8_t> plain_warp(const Augmenter& augmenter, const Warp& w,
                                            std::span<const std::uint8_t> in, std::size_t rows,
                                            std::size_t cols) {
  const auto pixel = [&](double row, double col) {  // paper outside
    const bool inside =
        row >= 0 && col >= 0 && row < static_cast<double>(rows) && col < static_cast<double>(cols);
    return inside ? in[static_cast<std::size_t>(row) * cols + static_cast<std::size_t>(col)] : 0;
  };
  std::vector<std::uint8_t> out;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      const double to_x = static_cast<double>(c), to_y = static_cast<double>(r);
      const double x = w.origin.x + to_x * w.per_x.x + to_y * w.per_y.x + augmenter.displacement(w, 0, r, c);
      const double y = w.origin.y + to_x * w.per_x.y + to_y * w.per_y.y + augmenter.displacement(w, 1, r, c);
      const double left = std::floor(x), above = std::floor(y), right = x - left, below = y - above;
      const double upper = (1 - right) * pixel(above, left) + right * pixel(above, left + 1);
      const double lower = (1 - right) * pixel(above + 1, left) + right * pixel(above + 1, left + 1);
      out.push_back(static_cast<std::uint8_t>(std::lround((1 - below) * upper + below * lower)));
    }
  }
  return out;
}

}  // namespace nn::test
