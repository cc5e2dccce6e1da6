// Dense: y = x w + b. Of an image every pixel is an input; of tokens every one goes through it by itself.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include "nn/core/team_matmul.hpp"
#include "nn/layers/elementwise.hpp"
#include "nn/layers/flatten.hpp"
#include "nn/layers/layer.hpp"

namespace nn {

// forward: y = x w + b      (R, I) (I, O) + (O) -> (R, O), overwritten. R rows: samples, tokens or pixels.
inline void dense_forward(ConstMatrix x, ConstMatrix w, std::span<const float> b, Matrix y) {
  for (std::size_t r = 0; r < y.rows; ++r) std::ranges::copy(b, y.data + r * y.stride);
  matmul_add(x, w, y);
}
inline void dense_forward(ConstMatrix x, ConstMatrix w, std::span<const float> b, Matrix y,
                          ThreadTeam& team) {
  for_row_blocks(team, y, y, [&](Matrix rows, Matrix) {
    for (std::size_t r = 0; r < rows.rows; ++r) std::ranges::copy(b, rows.data + r * rows.stride);
  });
  team_matmul_add(x, w, y, team);
}

// backward: dw = x^T dy     (I, R) (R, O) -> (I, O), overwritten
//           db = sum of the rows of dy      -> (O),  overwritten
//           dx = dy w^T     (R, O) (O, I) -> (R, I), overwritten; not asked for where dx.data is null
inline void dense_backward(ConstMatrix x, ConstMatrix w, ConstMatrix dy, Matrix dx, Matrix dw,
                           std::span<float> db, ThreadTeam& team) {
  team_matmul(transposed(x), dy, dw, team);
  column_sums(dy, db, team);
  if (dx.data) team_matmul(dy, transposed(w), dx, team);
}

class Dense : public Layer {
 public:
  Dense() = default;
  explicit Dense(std::size_t units_) : units(units_) {}

  const char* name() const override { return "dense"; }
  std::vector<Field> fields() override { return {{"units", Field::number, &units}}; }

  Shape output(const Shape& in) override {
    return in.is_tokens() ? Shape{in.positions(), units} : Shape{units};
  }
  void prepare(const Shape& in) override {
    order = Flattening(in.is_tokens() ? Shape{1} : in);
    rows_ = in.is_tokens() ? in.positions() : 1;
    w = declared("weight", {in.size() / rows_, units});
    b = declared("bias", {units});
  }
  void draw(Init init, SimpleRng& rng) override { draw_weights(w, init, w.shape[0], w.shape[1], rng); }
  std::vector<Tensor*> tensors() override { return {&w, &b}; }
  double flop() const override { return 2.0 * static_cast<double>(rows_ * w.elements()); }
  void reserve(std::size_t batch) override {
    if (!order.is_identity()) flat_.resize(std::max(flat_.size(), batch * w.shape[0]));
  }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    if (!order.is_identity()) order.forward(x, mat(flat_, x.rows, x.cols), pass.team);
    dense_forward(inputs(x), weights(), b.value, by_position(y, units), pass.team);
  }
  void backward(ConstMatrix x, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    const bool swaps = dx.data && !order.is_identity();
    if (swaps) dflat_.resize(std::max(dflat_.size(), dx.rows * dx.cols));
    const Matrix dflat = swaps ? mat(dflat_, dx.rows, dx.cols) : by_position(dx, w.shape[0]);
    dense_backward(inputs(x), weights(), by_position(dy, units), dflat, mat(w.grad, w.shape[0], units),
                   b.grad, pass.team);
    if (swaps) order.backward(dflat, dx, pass.team);
  }

  Matrix weights() { return mat(w.value, w.shape[0], units); }

  std::size_t units = 0;  // O
  Tensor w, b;            // (I, O), (O)
  Flattening order{Shape{1}};

 private:
  // x as the product takes it: (R, I).
  ConstMatrix inputs(ConstMatrix x) const {
    return by_position(order.is_identity() ? x : mat(flat_, x.rows, x.cols), w.shape[0]);
  }

  std::size_t rows_ = 1;  // R of a sample
  Floats flat_, dflat_;   // (B, I), where an image's numbers change places
};

}  // namespace nn
