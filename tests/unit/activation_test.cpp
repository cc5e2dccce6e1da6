#include "nn/layers/activation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "instruction_sets.hpp"

using namespace nn;

namespace {

// The definitions, in double precision.
double plain_activation(Activation f, double x) {
  switch (f) {
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::leaky_relu:
      return x > 0 ? x : 0.01 * x;
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::gelu:
      return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
  }
  return x;
}
double plain_slope(Activation f, double x) {
  switch (f) {
    case Activation::relu:
      return x > 0 ? 1 : 0;
    case Activation::leaky_relu:
      return x > 0 ? 1 : static_cast<double>(0.01f);
    case Activation::sigmoid:
      return plain_activation(f, x) * (1 - plain_activation(f, x));
    case Activation::tanh:
      return 1 - std::tanh(x) * std::tanh(x);
    case Activation::gelu:
      return 0.5 * std::erfc(-x / std::sqrt(2.0)) + x * std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0));
  }
  return 1;
}

// From the middle of each function to where it is flat, 0 among them, in rows that fill no whole vectors.
constexpr std::size_t kRows = 7, kColumns = 37, kStride = 41;
Floats arguments() {
  Floats x(kRows * kStride, 7.0f);
  const float range[kRows] = {0.01f, 0.5f, 1, 3, 6, 20, 200};
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t c = 0; c < kColumns; ++c) {
      x[r * kStride + c] = range[r] * (static_cast<float>(c) / 18.0f - 1.0f);
    }
  }
  return x;
}
Matrix block(Floats& x) {
  return columns(mat(x, kRows, kStride), 0, kColumns);
}

}  // namespace

TEST_CASE("every activation and its derivative are the definition's, with every instruction set") {
  for (const auto& activation : kActivationNames) {
    test::with_every_instruction_set([&] {
      const auto& [name, f] = activation;
      CAPTURE(name);
      const Floats given = arguments();
      Floats y = given, dy(given.size(), 2.0f);
      Floats seen = given;  // by gelu; the others see their y
      activation_forward(f, block(y));
      activation_backward(f, block(f == Activation::gelu ? seen : y), block(dy));
      for (std::size_t i = 0; i < given.size(); ++i) {
        const bool is_padding = i % kStride >= kColumns;
        const double at = static_cast<double>(given[i]);
        CAPTURE(at);
        const double expected_y = is_padding ? at : plain_activation(f, at);
        const double expected_dy = is_padding ? 2 : 2 * plain_slope(f, at);
        REQUIRE(static_cast<double>(y[i]) == Approx(expected_y).epsilon(1e-6).margin(5e-7));
        REQUIRE(static_cast<double>(dy[i]) == Approx(expected_dy).epsilon(1e-6).margin(1e-6));
      }
    });
  }
}

TEST_CASE("every activation passes a NaN on") {
  for (const auto& activation : kActivationNames) {
    test::with_every_instruction_set([&] {
      const auto& [name, f] = activation;
      CAPTURE(name);
      Floats y(17, std::numeric_limits<float>::quiet_NaN());
      activation_forward(f, mat(y, 1, 17));
      for (const float v : y) REQUIRE(std::isnan(v));
    });
  }
}
