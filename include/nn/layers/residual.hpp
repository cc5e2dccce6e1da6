// Residual: layers, and their input added to what they make (He et al., 2016).
//
//   forward: y = f(x) + x      backward: dx = f's dx + dy
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "nn/layers/chain.hpp"
#include "nn/layers/elementwise.hpp"
#include "nn/layers/layer.hpp"

namespace nn {

class Residual : public Layer {
 public:
  Residual() = default;
  explicit Residual(std::vector<std::unique_ptr<Layer>> layers) : layers_(std::move(layers)) {}

  const char* name() const override { return "residual"; }
  std::vector<std::unique_ptr<Layer>>* inner() override { return chain_ ? &chain_->layers() : &layers_; }

  Shape output(const Shape& in) override {
    Shape shape = in;
    for (const auto& layer : *inner()) shape = layer->output(shape);
    if (shape == in) return in;
    throw misfit("layers that make " + shape.text() + " of " + in.text(), "the same, to be added to it");
  }
  void prepare(const Shape& in) override {
    if (!chain_) chain_ = std::make_unique<Chain>(in, std::move(layers_));
  }
  void draw(Init init, SimpleRng& rng) override {
    for (const auto& layer : *inner()) layer->draw(init, rng);
  }
  double flop() const override {
    double sum = static_cast<double>(chain_->output().size());
    for (const auto& layer : chain_->layers()) sum += layer->flop();
    return sum;
  }
  void reserve(std::size_t batch) override { chain_->reserve(batch); }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    const ConstMatrix f = chain_->forward(x, pass);
    for_row_blocks(pass.team, x.rows, x.cols, [&](std::size_t first, std::size_t count) {
      add(rows(f, first, count), rows(x, first, count), rows(y, first, count));
    });
  }
  void backward(ConstMatrix x, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    chain_->backward(x, dy, dx, pass);
    if (!dx.data) return;
    for_row_blocks(pass.team, x.rows, x.cols, [&](std::size_t first, std::size_t count) {
      add(rows(dx, first, count), rows(dy, first, count), rows(dx, first, count));
    });
  }

  Chain& chain() { return *chain_; }

 private:
  // c = a + b
  static void add(ConstMatrix a, ConstMatrix b, Matrix c) {
    for (std::size_t i = 0; i < c.rows * c.cols; ++i) c.data[i] = a.data[i] + b.data[i];
  }

  std::vector<std::unique_ptr<Layer>> layers_;  // before it is prepared; then the chain has them
  std::unique_ptr<Chain> chain_;
};

}  // namespace nn
