// ScaleShift: y = w x + b, a number of each for every channel.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "nn/layers/elementwise.hpp"
#include "nn/layers/layer.hpp"

namespace nn {

class ScaleShift : public Layer {
 public:
  const char* name() const override { return "scale-shift"; }
  void prepare(const Shape& in) override {
    positions_ = in.positions();
    w = declared("weight", {in.channels()});
    b = declared("bias", {in.channels()});
  }
  void draw(Init, SimpleRng&) override { std::ranges::fill(w.value, 1.0f); }
  std::vector<Tensor*> tensors() override { return {&w, &b}; }
  double flop() const override { return 2.0 * static_cast<double>(positions_ * w.elements()); }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    const std::size_t C = w.elements();
    for_row_blocks(pass.team, by_position(x, C), by_position(y, C), [&](ConstMatrix from, Matrix to) {
      for (std::size_t i = 0; i < from.rows * C; ++i)
        to.data[i] = w.value[i % C] * from.data[i] + b.value[i % C];
    });
  }

  // backward: dw = sum of dy x, db = sum of dy over all positions, dx = w dy
  void backward(ConstMatrix x, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    const std::size_t C = w.elements();
    const ConstMatrix xs = by_position(x, C), dys = by_position(dy, C);
    const auto sums =
        sum_over_rows(pass.team, xs.rows, C, [&](std::size_t first, std::size_t count, float* sum) {
          for (std::size_t i = first * C; i < (first + count) * C; ++i)
            sum[i % C] += dys.data[i] * xs.data[i];
        });
    std::ranges::copy(sums, w.grad.begin());
    column_sums(dys, b.grad, pass.team);
    if (!dx.data) return;
    for_row_blocks(pass.team, dys, by_position(dx, C), [&](ConstMatrix from, Matrix to) {
      for (std::size_t i = 0; i < from.rows * C; ++i) to.data[i] = w.value[i % C] * from.data[i];
    });
  }

  Tensor w, b;  // (C)

 private:
  std::size_t positions_ = 1;
};

}  // namespace nn
