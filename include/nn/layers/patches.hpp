// Patches: an image cut into squares, each of which a dense layer makes a token of.
//
//   p = the P x P x C numbers of each of the S patches, in row order      (S, P P C)
//   y = p w + b                                                           (S, P P C) (P P C, D) + (D) -> (S,
//   D)
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "nn/layers/dense.hpp"
#include "nn/layers/elementwise.hpp"
#include "nn/layers/layer.hpp"

namespace nn {

class Patches : public Layer {
 public:
  Patches() = default;
  Patches(std::size_t patch_, std::size_t width_) : patch(patch_), width(width_) {}

  const char* name() const override { return "patches"; }
  std::vector<Field> fields() override {
    return {{"patch", Field::number, &patch, 1, 4096}, {"width", Field::number, &width}};
  }
  Shape output(const Shape& in) override {
    if (!in.is_image()) throw misfit(in.text() + " numbers", "an image");
    if (in.height() % patch != 0 || in.width() % patch != 0) {
      const std::string size = std::to_string(in.height()) + " x " + std::to_string(in.width());
      throw misfit("images of " + size + " pixels",
                   "multiples of the patch, " + std::to_string(patch) + " a side");
    }
    const std::size_t tokens = in.positions() / (patch * patch);
    if (tokens > kMaxTokens) {
      throw misfit(std::to_string(tokens) + " patches an image", "at most " + std::to_string(kMaxTokens));
    }
    return {tokens, width};
  }
  void prepare(const Shape& in) override {
    in_ = in;
    w = declared("weight", {patch * patch * in.channels(), width});
    b = declared("bias", {width});
  }
  void draw(Init init, SimpleRng& rng) override { draw_weights(w, init, w.shape[0], width, rng); }
  std::vector<Tensor*> tensors() override { return {&w, &b}; }
  double flop() const override { return 2.0 * static_cast<double>(tokens() * w.elements()); }
  void reserve(std::size_t batch) override { patches_.resize(std::max(patches_.size(), batch * in_.size())); }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    for_row_blocks(pass.team, x, mat(patches_, x.rows, x.cols), [&](ConstMatrix from, Matrix to) {
      for_runs(from.rows, [&](std::size_t pixel, std::size_t at, std::size_t count) {
        std::copy_n(from.data + pixel, count, to.data + at);
      });
    });
    dense_forward(mat(patches_, x.rows * tokens(), w.shape[0]), weights(), b.value, by_position(y, width),
                  pass.team);
  }
  void backward(ConstMatrix x, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    if (dx.data) dpatches_.resize(std::max(dpatches_.size(), x.rows * x.cols));
    const Matrix dpatches = dx.data ? mat(dpatches_, x.rows * tokens(), w.shape[0]) : Matrix{};
    dense_backward(mat(patches_, x.rows * tokens(), w.shape[0]), weights(), by_position(dy, width), dpatches,
                   mat(w.grad, w.shape[0], width), b.grad, pass.team);
    if (!dx.data) return;
    for_row_blocks(pass.team, mat(dpatches_, x.rows, x.cols), dx, [&](Matrix from, Matrix to) {
      for_runs(from.rows, [&](std::size_t pixel, std::size_t at, std::size_t count) {
        std::copy_n(from.data + at, count, to.data + pixel);
      });
    });
  }

  Matrix weights() { return mat(w.value, w.shape[0], width); }
  std::size_t tokens() const { return in_.positions() / (patch * patch); }  // S
  const Shape& input() const { return in_; }

  std::size_t patch = 4, width = 64;  // P, D
  Tensor w, b;                        // (P P C, D), (D)

 private:
  // Calls f(place in an image, place in its patches, how many numbers lie side by side in both).
  template <class F>
  void for_runs(std::size_t images, F f) const {
    const std::size_t run = patch * in_.channels(), columns = in_.width() / patch;
    for (std::size_t s = 0; s < images; ++s) {
      for (std::size_t t = 0; t < tokens(); ++t) {
        for (std::size_t row = 0; row < patch; ++row) {
          const std::size_t y = t / columns * patch + row, x = t % columns * patch;
          f(s * in_.size() + (y * in_.width() + x) * in_.channels(), s * in_.size() + (t * patch + row) * run,
            run);
        }
      }
    }
  }

  Shape in_{1};
  Floats patches_, dpatches_;  // (B, S, P P C)
};

}  // namespace nn
