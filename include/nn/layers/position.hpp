// Position: what a token is told of its place. y = x + table, the same (S, D) for every sample, and trained.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "nn/layers/elementwise.hpp"
#include "nn/layers/layer.hpp"

namespace nn {

// What the table starts with.
enum class PositionStart : std::size_t {
  sinusoidal,  // sines and cosines (Vaswani et al., 2017)
  learned      // small random numbers
};

// table (S, D) = sin or cos of t / 10000^(2 floor(d / 2) / D), sin for even d
inline void sinusoidal_positions(Tensor& table) {
  const std::size_t D = table.shape[1];
  for (std::size_t i = 0; i < table.value.size(); ++i) {
    const std::size_t t = i / D, d = i % D;
    const double exponent = static_cast<double>(d / 2 * 2) / static_cast<double>(D);
    const double angle = static_cast<double>(t) / std::pow(10000.0, exponent);
    table.value[i] = static_cast<float>(d % 2 == 0 ? std::sin(angle) : std::cos(angle));
  }
}

class Position : public Layer {
 public:
  Position() = default;
  explicit Position(PositionStart start_) : start(static_cast<std::size_t>(start_)) {}

  const char* name() const override { return "position"; }
  std::vector<Field> fields() override {
    return {{.name = "start", .style = Field::word, .value = &start, .words = {"sinusoidal", "learned"}}};
  }
  Shape output(const Shape& in) override {
    if (!in.is_tokens()) throw misfit(in.text() + " numbers", "tokens, as patches makes them");
    return in;
  }
  void prepare(const Shape& in) override { table = declared("table", {in.positions(), in.channels()}); }
  void draw(Init, SimpleRng& rng) override {
    if (start == static_cast<std::size_t>(PositionStart::sinusoidal)) return sinusoidal_positions(table);
    for (float& v : table.value) v = rng.range(-0.1f, 0.1f);
  }
  std::vector<Tensor*> tensors() override { return {&table}; }
  double flop() const override { return static_cast<double>(table.value.size()); }
  bool in_place() const override { return true; }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    for_row_blocks(pass.team, x, y, [&](ConstMatrix from, Matrix to) {
      for (std::size_t s = 0; s < from.rows; ++s) {
        for (std::size_t i = 0; i < from.cols; ++i)
          to.data[s * to.cols + i] = from.data[s * from.cols + i] + table.value[i];
      }
    });
  }
  // backward: dx = dy, dtable = the sum of dy over the samples
  void backward(ConstMatrix, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    column_sums(dy, table.grad, pass.team);
    if (!dx.data || dx.data == dy.data) return;
    for_row_blocks(pass.team, dy, dx, copy);
  }

  std::size_t start = 0;  // a PositionStart
  Tensor table;           // (S, D)
};

}  // namespace nn
