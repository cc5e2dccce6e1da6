// The multi-layer perceptron: dense layers, each with its activation and dropout. The first one reads pixels.
//
//   x (B, I) -> dropout(f(x W1 + b1)) (B, H1) -> ... -> h Wn + bn = logits (B, K)
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nn/core/matmul.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/batches.hpp"
#include "nn/layers/activation.hpp"
#include "nn/layers/dense.hpp"
#include "nn/layers/dropout.hpp"
#include "nn/layers/init.hpp"
#include "nn/layers/sparse_dense.hpp"
#include "nn/models/mlp_shape.hpp"
#include "nn/training/sgd.hpp"

namespace nn {

class Mlp {
 public:
  // Mlp::input(784).dense(512).relu().dense(10).build(rng): see mlp_shape.hpp.
  static MlpShape input(std::size_t inputs) { return {.inputs = inputs}; }

  // All parameters 0: a file has others.
  explicit Mlp(const MlpShape& shape) : shape_(shape) {
    assert(!shape.layers.empty() && shape.layers.back().activation == Activation::none &&
           shape.layers.back().dropout == 0);
    std::size_t in = shape.inputs;
    for (const MlpLayer& l : shape.layers) {
      const std::string number = std::to_string(layers_.size() + 1);
      layers_.push_back({.w = {"W" + number, {in, l.units}}, .b = {"b" + number, {l.units}}});
      in = l.units;
    }
  }

  // Weights drawn from `rng`, W1 first, biases 0. Where `rng` stands before that decides what dropout drops.
  Mlp(const MlpShape& shape, SimpleRng& rng) : Mlp(shape) {
    dropout_seed_ = rng.state();
    for (std::size_t l = 0; l < layers_.size(); ++l) draw_weights(layers_[l].w, shape.layers[l].init, rng);
  }

  // `widths` = {inputs, hidden..., classes}, e.g. {784, 512, 10}: ReLU between the layers, Xavier weights.
  Mlp(const std::vector<std::size_t>& widths, SimpleRng& rng) : Mlp(relu_layers(widths), rng) {}

  const MlpShape& shape() const { return shape_; }
  std::size_t inputs() const { return shape_.inputs; }
  std::size_t classes() const { return shape_.classes(); }

  // W1, b1, W2, b2, ...: the order of the model file.
  std::vector<Tensor*> tensors() {
    std::vector<Tensor*> all;
    for (Layer& layer : layers_) all.insert(all.end(), {&layer.w, &layer.b});
    return all;
  }

  // Logits (B, K).
  std::span<const float> forward(const Batch& batch, ThreadTeam& team) {
    make_room(batch.size);
    team.for_blocks(SparseBatch::kStretches, [&](std::size_t stretch) { ink_.list_ink(batch, stretch); });
    team.for_blocks(column_blocks(layers_.front().outputs()),
                    [&](std::size_t block) { first_layers_forward(batch, block); });
    if (layers_.size() > 1) {
      team.for_blocks(sample_blocks(batch.size), [&](std::size_t block) { sum_shares(batch, block); });
    }
    for (std::size_t l = 2; l < layers_.size(); ++l) {
      team.for_blocks(sample_blocks(batch.size), [&](std::size_t block) {
        const Matrix x = sample_block(layers_[l - 1].y(batch.size), block);
        const Matrix y = sample_block(layers_[l].y(batch.size), block);
        dense_forward(x, layers_[l].weights(), layers_[l].b.value, y);
        finish_forward(batch, l, y, {.sample = block * kSampleBlock});
      });
    }
    return {layers_.back().outputs_y.data(), batch.size * classes()};
  }

  void backward(const Batch& batch, std::span<const float> dlogits, ThreadTeam& team) {
    layers_.front().w.make_grad();
    backward_through(batch, dlogits, team, [&](Layer& first, ConstMatrix dy, std::size_t block) {
      sparse_dense_backward(ink_, dy, mat(first.w.grad, first.inputs(), first.outputs()), block);
    });
  }

  void backward_and_descend(const Batch& batch, std::span<const float> dlogits, float rate,
                            ThreadTeam& team) {
    backward_through(batch, dlogits, team, [&](Layer& first, ConstMatrix dy, std::size_t block) {
      sparse_dense_descend(ink_, dy, rate, first.weights(), block);
    });
    for (Tensor* t : tensors()) {
      if (t != &layers_.front().w) descend(*t, rate);
    }
  }

 private:
  struct Place {
    std::size_t sample = 0, unit = 0;  // where a block of a layer's (B, O) begins
  };

  struct Layer {
    Tensor w;             // (I, O)
    Tensor b;             // (O)
    Floats outputs_x{};   // (B, O), what the activation was given, where that is gelu
    Floats outputs_y{};   // (B, O), after activation and dropout
    Floats outputs_dy{};  // (B, O), d(loss)/d(what the activation was given)

    std::size_t inputs() const { return w.shape[0]; }
    std::size_t outputs() const { return w.shape[1]; }
    Matrix weights() { return mat(w.value, inputs(), outputs()); }
    Matrix y(std::size_t batch) { return mat(outputs_y, batch, outputs()); }
    Matrix dy(std::size_t batch) { return mat(outputs_dy, batch, outputs()); }
    // The block of x that belongs to a block of y.
    Matrix x_of(ConstMatrix y, Place begin) {
      if (outputs_x.empty()) return {};
      return {&outputs_x[begin.sample * outputs() + begin.unit], y.rows, y.cols, outputs()};
    }
  };

  static MlpShape relu_layers(const std::vector<std::size_t>& widths) {
    assert(widths.size() >= 2);
    MlpShape shape = input(widths.front());
    for (std::size_t l = 1; l + 1 < widths.size(); ++l) shape.dense(widths[l]).relu();
    return shape.dense(widths.back());
  }

  // Blocks of samples, for what needs whole rows.
  static constexpr std::size_t kSampleBlock = 16;
  static std::size_t sample_blocks(std::size_t samples) {
    return (samples + kSampleBlock - 1) / kSampleBlock;
  }
  template <class M>
  static M sample_block(M m, std::size_t block) {
    const std::size_t first = block * kSampleBlock;
    return rows(m, first, std::min(kSampleBlock, m.rows - first));
  }
  template <class M>
  static M column_block(M m, std::size_t block) {
    const std::size_t first = block * kColumnBlock;
    return columns(m, first, std::min(kColumnBlock, m.cols - first));
  }

  // What a layer does to a block of x W + b.
  void finish_forward(const Batch& batch, std::size_t l, Matrix y, Place begin) {
    activation_forward(shape_.layers[l].activation, y, layers_[l].x_of(y, begin));
    dropout(batch, l).forward(y, begin.sample, begin.unit);
  }
  // The same backward: dy becomes the gradient of x W + b.
  void finish_backward(const Batch& batch, std::size_t l, Matrix y, Matrix dy, Place begin) {
    dropout(batch, l).backward(y, dy, begin.sample, begin.unit);
    activation_backward(shape_.layers[l].activation, y, layers_[l].x_of(y, begin), dy);
  }
  Dropout dropout(const Batch& batch, std::size_t l) const {
    return {shape_.layers[l].dropout, dropout_seed_, batch.step, l};
  }

  // A column block of the first layer, and what it adds to the second layer's sums, while it is in the cache.
  void first_layers_forward(const Batch& batch, std::size_t block) {
    Layer& first = layers_.front();
    sparse_dense_forward(ink_, first.weights(), first.b.value, first.y(batch.size), block);
    if (layers_.size() == 1) return;
    const Matrix y = column_block(first.y(batch.size), block);
    finish_forward(batch, 0, y, {.unit = block * kColumnBlock});
    matmul(y, rows(layers_[1].weights(), block * kColumnBlock, y.cols), share(block, batch.size));
  }

  // The second layer's y: its bias and the shares of all blocks, in their order.
  void sum_shares(const Batch& batch, std::size_t block) {
    const Matrix y = sample_block(layers_[1].y(batch.size), block);
    const std::size_t first = block * kSampleBlock * y.cols, size = y.rows * y.cols;
    for (std::size_t s = 0; s < y.rows; ++s) std::ranges::copy(layers_[1].b.value, y.data + s * y.stride);
    for (std::size_t b = 0; b < column_blocks(layers_.front().outputs()); ++b) {
      const float* share = this->share(b, batch.size).data + first;
      for (std::size_t i = 0; i < size; ++i) y.data[i] += share[i];
    }
    finish_forward(batch, 1, y, {.sample = block * kSampleBlock});
  }
  Matrix share(std::size_t block, std::size_t batch) {
    const std::size_t outputs = layers_[1].outputs();
    return mat(std::span(shares_).subspan(block * batch * outputs), batch, outputs);
  }

  // From the last layer to the first. A column block of a layer's input is a column block of the output of
  // the layer before: what comes after the second layer's dx is done while it is in the cache.
  // `first_weights` does with W1's gradient what the caller wants; the fused descent never has it in memory.
  template <class FirstWeights>
  void backward_through(const Batch& batch, std::span<const float> dlogits, ThreadTeam& team,
                        FirstWeights first_weights) {
    for (Tensor* t : tensors()) {
      if (t != &layers_.front().w) t->make_grad();
    }
    std::ranges::copy(dlogits, layers_.back().outputs_dy.begin());
    const auto finish_first_layer = [&](std::size_t block) {
      const ConstMatrix dy = layers_.front().dy(batch.size);
      const ConstMatrix dy_block = column_block(dy, block);
      bias_backward(dy_block, std::span(layers_.front().b.grad).subspan(block * kColumnBlock, dy_block.cols));
      first_weights(layers_.front(), dy, block);
    };
    for (std::size_t l = layers_.size(); l-- > 1;) {
      Layer &layer = layers_[l], &before = layers_[l - 1];
      const Matrix dw = mat(layer.w.grad, layer.inputs(), layer.outputs());
      team.for_blocks(column_blocks(layer.inputs()), [&](std::size_t block) {
        const std::size_t first = block * kColumnBlock;
        const Matrix x = column_block(before.y(batch.size), block),
                     dx = column_block(before.dy(batch.size), block);
        dense_backward(x, rows(layer.weights(), first, x.cols), layer.dy(batch.size), dx,
                       rows(dw, first, x.cols));
        finish_backward(batch, l - 1, x, dx, {.unit = first});
        if (block == 0) bias_backward(layer.dy(batch.size), layer.b.grad);
        if (l == 1) finish_first_layer(block);
      });
    }
    if (layers_.size() == 1) team.for_blocks(column_blocks(classes()), finish_first_layer);
  }

  void make_room(std::size_t batch) {
    if (batch <= room_) return;
    room_ = batch;
    ink_.reserve(batch, inputs());
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const std::size_t size = batch * layers_[l].outputs();
      if (shape_.layers[l].activation == Activation::gelu) layers_[l].outputs_x.resize(size);
      layers_[l].outputs_y.resize(size);
      layers_[l].outputs_dy.resize(size);
    }
    if (layers_.size() > 1) {
      shares_.resize(column_blocks(layers_.front().outputs()) * batch * layers_[1].outputs());
    }
  }

  MlpShape shape_;
  std::uint64_t dropout_seed_ = 0;
  std::vector<Layer> layers_;
  SparseBatch ink_;
  Floats shares_;         // (column blocks of layer 1, B, H2): what each adds to x of layer 2
  std::size_t room_ = 0;  // samples for which the buffers are large enough
};

inline Mlp MlpShape::build(SimpleRng& rng) const {
  return Mlp(*this, rng);
}

}  // namespace nn
