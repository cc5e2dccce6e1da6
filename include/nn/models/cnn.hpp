// The convolutional network: one convolution, pooled, and a dense layer.
//
//   x (B, H, W) -> conv F filters K x K, padded -> ReLU -> max-pool 2x2 (B, F, H/2, W/2) -> dense = logits
//   (B, C)
#pragma once

#include <algorithm>
#include <cassert>
#include <span>
#include <string>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/batches.hpp"
#include "nn/layers/conv_pool.hpp"
#include "nn/layers/pooled_dense.hpp"
#include "nn/layers/pooled_map.hpp"
#include "nn/training/sgd.hpp"

namespace nn {

struct CnnShape {
  std::size_t height = 28, width = 28;
  std::size_t filters = 8, kernel = 3;  // kernel: 3, 5 or 7
  std::size_t classes = 10;

  // Throws Error, naming `source`, if images of this size leave nothing to pool.
  void check(const std::string& source) const {
    if (height >= 2 && width >= 2) return;
    throw Error(source, "images of " + std::to_string(height) + " x " + std::to_string(width) +
                            " pixels, expected at least 2 x 2");
  }

  static bool is_kernel(std::size_t k) { return k == 3 || k == 5 || k == 7; }

  std::size_t parameters() const {
    return (kernel * kernel + 1) * filters + (filters * (height / 2) * (width / 2) + 1) * classes;
  }

  // "28x28 -> conv 8 x 3x3 (relu) -> max-pool 2x2 -> 10 (softmax)"
  std::string summary() const {
    const std::string side = std::to_string(kernel);
    return std::to_string(height) + "x" + std::to_string(width) + " -> conv " + std::to_string(filters) +
           " x " + side + "x" + side + " (relu) -> max-pool 2x2 -> " + std::to_string(classes) + " (softmax)";
  }
};

class Cnn {
 public:
  // All parameters 0: a file has others.
  explicit Cnn(const CnnShape& shape)
      : shape_(shape),
        conv_({shape.height, shape.width, shape.filters, shape.kernel}),
        pooled_(shape.height / 2, shape.width / 2, shape.filters),
        fc_(pooled_, shape.classes),
        conv_w_("conv.weight", {shape.filters, shape.kernel * shape.kernel}),
        conv_b_("conv.bias", {shape.filters}),
        fc_w_("fc.weight", {shape.filters * pooled_.positions(), shape.classes}),
        fc_b_("fc.bias", {shape.classes}) {
    for (Tensor* t : tensors()) t->make_grad();
  }

  // Xavier weights drawn from `rng`, biases 0.
  Cnn(const CnnShape& shape, SimpleRng& rng) : Cnn(shape) {
    const std::size_t taps = shape.kernel * shape.kernel;
    xavier_uniform(conv_w_, taps, shape.filters * taps, rng);
    xavier_uniform(fc_w_, fc_w_.shape[0], fc_w_.shape[1], rng);
  }

  const CnnShape& shape() const { return shape_; }
  std::size_t classes() const { return shape_.classes; }

  // In the order of the model file.
  std::vector<Tensor*> tensors() { return {&conv_w_, &conv_b_, &fc_w_, &fc_b_}; }

  // Logits (B, C).
  std::span<const float> forward(const Batch& batch, ThreadTeam& team) {
    make_room(batch.size);
    const std::span<float> logits(logits_.data(), batch.size * classes());
    conv_.load_weights(conv_w_.value, conv_b_.value, pooled_);
    team.for_blocks(pooled_.rows(), [&](std::size_t row) {
      conv_.forward_row(batch, row, pooled_);
      fc_.forward_row(pooled_, batch.size, row, fc_w_.value);
    });
    fc_.finish_forward(batch.size, fc_b_.value, logits);
    return logits;
  }

  void backward(const Batch& batch, std::span<const float> dlogits, ThreadTeam& team) {
    backward_rows(batch, dlogits, team, [&](std::size_t row) {
      fc_.backward_row(pooled_, row, fc_w_.value, dlogits, fc_b_.grad, fc_w_.grad);
    });
  }

  void backward_and_descend(const Batch& batch, std::span<const float> dlogits, float rate,
                            ThreadTeam& team) {
    backward_rows(batch, dlogits, team, [&](std::size_t row) {
      fc_.descend_row(pooled_, row, dlogits, fc_b_.grad, rate, fc_w_.value);
    });
    for (Tensor* t : {&conv_w_, &conv_b_, &fc_b_}) descend(*t, rate);
  }

 private:
  // A block is a row of positions over the whole batch, the same as in forward: what it made there and its
  // dense weights are still in its thread's cache. `fc_backward` makes pooled_.dink of a row, and of the
  // weights' gradient what the caller wants.
  template <class FcBackward>
  void backward_rows([[maybe_unused]] const Batch& batch, std::span<const float> dlogits, ThreadTeam& team,
                     FcBackward fc_backward) {
    assert(dlogits.size() == batch.size * classes());
    fc_.backward_bias(dlogits, fc_b_.grad);
    team.for_blocks(pooled_.rows(), [&](std::size_t row) {
      fc_backward(row);
      conv_.backward_row(pooled_, row);
    });
    conv_.finish_backward(conv_w_.grad, conv_b_.grad);
  }

  void make_room(std::size_t batch) {
    if (batch <= room_) return;
    room_ = batch;
    conv_.reserve(batch);
    pooled_.reserve(batch);
    fc_.reserve(batch);
    logits_.resize(batch * classes());
  }

  CnnShape shape_;
  ConvPool conv_;
  PooledMap pooled_;
  PooledDense fc_;
  Tensor conv_w_, conv_b_;  // (F, K*K), (F)
  Tensor fc_w_, fc_b_;      // (F*P, C), (C)
  Floats logits_;           // (B, C)
  std::size_t room_ = 0;    // samples for which the buffers are large enough
};

}  // namespace nn
