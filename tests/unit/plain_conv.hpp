// The plain definition of the convolutional network's layers, one sample at a time, in double.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/models/cnn.hpp"

namespace nn::test {

struct PlainCnn {
  CnnShape shape;
  std::span<const float> conv_w, conv_b, fc_w, fc_b;  // (F, K, K), (F), (F, rows, columns, C), (C)

  std::size_t rows() const { return shape.height / 2; }
  std::size_t columns() const { return shape.width / 2; }

  // x[r][c], 0 outside
  double pixel(std::span<const std::uint8_t> x, std::size_t r, std::size_t c, std::size_t i,
               std::size_t j) const {
    const std::size_t pad = shape.kernel / 2, y = r + i - pad, z = c + j - pad;  // wraps around below 0
    return y < shape.height && z < shape.width ? x[y * shape.width + z] / 255.0 : 0.0;
  }

  // conv[f][r][c] = b[f] + sum over (i, j) of w[f][i][j] x[r + i - pad][c + j - pad]
  double conv(std::span<const std::uint8_t> x, std::size_t f, std::size_t r, std::size_t c) const {
    const std::size_t k = shape.kernel;
    double sum = static_cast<double>(conv_b[f]);
    for (std::size_t i = 0; i < k; ++i) {
      for (std::size_t j = 0; j < k; ++j)
        sum += static_cast<double>(conv_w[(f * k + i) * k + j]) * pixel(x, r, c, i, j);
    }
    return sum;
  }

  // Where the first of the largest of the four relu(conv) of a pooled value is.
  std::array<std::size_t, 2> winner(std::span<const std::uint8_t> x, std::size_t f, std::size_t row,
                                    std::size_t column) const {
    std::array<std::size_t, 2> best{2 * row, 2 * column};
    double largest = std::max(0.0, conv(x, f, best[0], best[1]));
    for (std::size_t o = 1; o < 4; ++o) {
      const double value = conv(x, f, 2 * row + o / 2, 2 * column + o % 2);
      if (value > largest) {
        best = {2 * row + o / 2, 2 * column + o % 2};
        largest = value;
      }
    }
    return best;
  }

  // logits[k] = b[k] + sum over (f, row, column) of pooled[f][row][column] w[f][row][column][k]
  std::vector<double> forward(std::span<const std::uint8_t> x) const {
    std::vector<double> logits(fc_b.begin(), fc_b.end());
    for_pooled([&](std::size_t f, std::size_t row, std::size_t column, std::size_t input) {
      const auto [r, c] = winner(x, f, row, column);
      const double pooled = std::max(0.0, conv(x, f, r, c));
      for (std::size_t k = 0; k < shape.classes; ++k) {
        logits[k] += pooled * static_cast<double>(fc_w[input * shape.classes + k]);
      }
    });
    return logits;
  }

  struct Gradients {
    std::vector<double> conv_w, conv_b, fc_w, fc_b;
  };
  Gradients no_gradients() const {
    return {std::vector<double>(conv_w.size()), std::vector<double>(conv_b.size()),
            std::vector<double>(fc_w.size()), std::vector<double>(fc_b.size())};
  }

  // Adds one sample's gradients.
  void backward(std::span<const std::uint8_t> x, std::span<const float> dlogits, Gradients& d) const {
    const std::size_t n = shape.kernel;
    for (std::size_t k = 0; k < shape.classes; ++k) d.fc_b[k] += static_cast<double>(dlogits[k]);
    for_pooled([&](std::size_t f, std::size_t row, std::size_t column, std::size_t input) {
      const auto [r, c] = winner(x, f, row, column);
      const double pooled = std::max(0.0, conv(x, f, r, c));
      if (pooled == 0.0) return;
      double dpooled = 0.0;
      for (std::size_t k = 0; k < shape.classes; ++k) {
        d.fc_w[input * shape.classes + k] += pooled * static_cast<double>(dlogits[k]);
        dpooled += static_cast<double>(fc_w[input * shape.classes + k]) * static_cast<double>(dlogits[k]);
      }
      d.conv_b[f] += dpooled;
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) d.conv_w[(f * n + i) * n + j] += dpooled * pixel(x, r, c, i, j);
      }
    });
  }

 private:
  template <class F>
  void for_pooled(F f) const {
    std::size_t input = 0;
    for (std::size_t filter = 0; filter < shape.filters; ++filter) {
      for (std::size_t row = 0; row < rows(); ++row) {
        for (std::size_t column = 0; column < columns(); ++column) f(filter, row, column, input++);
      }
    }
  }
};

}  // namespace nn::test
