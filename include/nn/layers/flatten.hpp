// Flatten: an image or tokens as one vector.
#pragma once

#include <algorithm>
#include <cstddef>

#include "nn/layers/elementwise.hpp"
#include "nn/layers/layer.hpp"

namespace nn {

// An image channel by channel, (H, W, C) -> (C, H, W) in a row, as PyTorch has it; tokens one after the
// other.
struct Flattening {
  std::size_t positions = 1, channels = 1;

  explicit Flattening(const Shape& in)
      : positions(in.is_image() ? in.positions() : 1), channels(in.size() / positions) {}

  // Whether the numbers stay where they are.
  bool is_identity() const { return positions == 1 || channels == 1; }

  // forward: y[s, c, p] = x[s, p, c]
  void forward(ConstMatrix x, Matrix y, ThreadTeam& team) const { swap(x, y, positions, channels, team); }
  // backward: dx[s, p, c] = dy[s, c, p]
  void backward(ConstMatrix dy, Matrix dx, ThreadTeam& team) const {
    swap(dy, dx, channels, positions, team);
  }

 private:
  // Every row (rows, cols) -> (cols, rows).
  static void swap(ConstMatrix from, Matrix to, std::size_t rows, std::size_t cols, ThreadTeam& team) {
    for_row_blocks(team, from, to, [&](ConstMatrix in, Matrix out) {
      for (std::size_t s = 0; s < in.rows; ++s) {
        transpose({in.data + s * in.stride, rows, cols, cols, false},
                  {out.data + s * out.stride, cols, rows, rows, false});
      }
    });
  }
};

class Flatten : public Layer {
 public:
  const char* name() const override { return "flatten"; }
  Shape output(const Shape& in) override { return {in.size()}; }
  void prepare(const Shape& in) override { order_ = Flattening(in); }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override { order_.forward(x, y, pass.team); }
  void backward(ConstMatrix, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    if (dx.data) order_.backward(dy, dx, pass.team);
  }

 private:
  Flattening order_{Shape{1}};
};

}  // namespace nn
