// dense + activation + dropout + dense, the first layers of a network: over nonzero pixels only.
//
// 81 % of MNIST's pixels are 0. Skipping them makes this layer faster than the dense product could be at
// the machine's full speed. What varies is which pixels these are, so a batch is turned into lists: for each
// pair of neighbouring pixels, the samples in which either is not 0 and both their values. A pair, not a
// pixel, because nonzero pixels come in runs: the partial sums of a sample are then read and written half as
// often.
//
// The work is cut by columns. A column block owns its part of w and y, so that blocks need no reduction and
// no lock, and the step of SGD goes straight into w: dw is never written at all. What follows the first layer
// is done to a column block while it is in the cache: its activation, dropout, and what it adds to a small
// second dense layer. An epoch of mnist_mlp takes a third of the time that the layers take.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "nn/core/matmul.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/batch.hpp"
#include "nn/fusions/fusion.hpp"
#include "nn/layers/activation.hpp"
#include "nn/layers/dense.hpp"
#include "nn/layers/dropout.hpp"

namespace nn {

inline constexpr std::size_t kColumnBlock = 64;  // the partial sums of 64 samples x 64 columns fit into L1

// Number of column blocks of a layer with `outputs` columns; the last one may be narrower.
inline std::size_t column_blocks(std::size_t outputs) {
  return (outputs + kColumnBlock - 1) / kColumnBlock;
}

// The nonzero pixels of a batch, listed by pixel pair.
class NonzeroPixels {
 public:
  // Four bytes, so that a pass over the lists moves little memory; kIntensity turns a pixel into a number.
  struct Entry {
    std::uint16_t sample;
    std::uint8_t left, right;  // pixels 2 pair and 2 pair + 1 of that sample
  };

  // Memory for batches of up to `samples` <= 65536 images of `pixels` pixels each.
  void reserve(std::size_t samples, std::size_t pixels);

  // Lists those of one chunk of pixels, 0 .. kChunks-1. Chunks may be listed at the same time.
  static constexpr std::size_t kChunks = 4;
  void list(const Batch& batch, std::size_t chunk);

  std::size_t samples() const { return samples_; }
  std::size_t pixels() const { return pixels_; }
  std::size_t pairs() const { return (pixels_ + 1) / 2; }
  std::span<const Entry> entries(std::size_t pair) const {
    return {&entries_[pair * capacity_], counts_[pair]};
  }

 private:
  std::size_t samples_ = 0, pixels_ = 0, capacity_ = 0;
  std::vector<Entry> entries_;         // (pairs, capacity)
  std::vector<std::uint32_t> counts_;  // (pairs)
};

// forward: y = x w + b      (B, I) (I, O) + (O) -> (B, O), columns of one block only, overwritten
void sparse_dense_forward(const NonzeroPixels& x, ConstMatrix w, std::span<const float> b, Matrix y,
                          std::size_t block);

// backward: dw = x^T dy     (I, B) (B, O) -> (I, O), columns of one block only, overwritten
void sparse_dense_backward(const NonzeroPixels& x, ConstMatrix dy, Matrix dw, std::size_t block);

// The same and a step of SGD in one: w -= rate x^T dy. Touches the rows of nonzero pixels only.
void sparse_dense_step(const NonzeroPixels& x, ConstMatrix dy, float rate, Matrix w, std::size_t block);

inline void NonzeroPixels::reserve(std::size_t samples, std::size_t pixels) {
  pixels_ = pixels;
  capacity_ = samples;
  entries_.resize(pairs() * capacity_);
  counts_.assign(pairs(), 0);
}

class SparseDense : public Fusion {
 public:
  static std::unique_ptr<Fusion> at(const FusionSite& site) {
    Dense* const first = site.is_first ? site.at<Dense>(0) : nullptr;
    if (!first || !first->order.is_identity()) return nullptr;
    std::size_t count = 1;
    ActivationLayer* const activation = site.at<ActivationLayer>(count);
    if (activation) ++count;
    Dropout* const dropout = site.at<Dropout>(count);
    if (dropout) ++count;
    Dense* second = site.at<Dense>(count);
    if (second && second->units > kMaxSecond) second = nullptr;
    if (second) ++count;
    return std::make_unique<SparseDense>(count, *first, activation, dropout, second);
  }

  SparseDense(std::size_t layers, Dense& first, ActivationLayer* activation, Dropout* dropout, Dense* second)
      : Fusion(layers), first_(first), activation_(activation), dropout_(dropout), second_(second) {}

  const char* name() const override { return second_ ? "sparse dense + dense" : "sparse dense"; }
  bool reads_bytes() const override { return true; }
  bool reads_output() const override { return !second_; }
  std::vector<Tensor*> stepped() override { return {&first_.w}; }

  void reserve(std::size_t batch) override {
    const std::size_t size = batch * first_.units;
    pixels_.reserve(batch, first_.w.shape[0]);
    if (is_gelu()) x_.resize(size);
    dhidden_.resize(size);
    if (!second_) return;
    hidden_.resize(size);
    partial_.resize(column_blocks(first_.units) * batch * second_->units);
  }

  void forward(ConstMatrix, Matrix y, const Pass& pass) override {
    const std::size_t B = y.rows;
    pass.team.parallel_for(NonzeroPixels::kChunks,
                           [&](std::size_t chunk) { pixels_.list(*pass.images, chunk); });
    const Matrix hidden = hidden_of(y);
    pass.team.parallel_for(column_blocks(first_.units), [&](std::size_t block) {
      sparse_dense_forward(pixels_, first_.weights(), first_.b.value, hidden, block);
      const Matrix h = columns_of(hidden, block);
      if (is_gelu()) copy(h, columns_of(mat(x_, B, first_.units), block));
      if (activation_) activation_forward(activation_->function, h);
      if (dropout_ && pass.training) mask(pass).apply(h, pass.first_sample, block * kColumnBlock);
      if (second_) matmul(h, rows(second_->weights(), block * kColumnBlock, h.cols), partial(block, B));
    });
    if (second_) reduce(y, pass.team);
  }

  // A column block of the first layer, all the way back.
  void backward(ConstMatrix, ConstMatrix y, ConstMatrix dy, Matrix, const Pass& pass) override {
    const std::size_t B = dy.rows, H = first_.units;
    // With a second layer hidden is this fusion's own, without it is y.
    const ConstMatrix hidden = second_ ? mat(hidden_, B, H) : y;
    const Matrix dhidden = mat(dhidden_, B, H);
    if (second_) add_rows(dy, second_->b.grad);
    pass.team.parallel_for(column_blocks(H), [&](std::size_t block) {
      const ConstMatrix h = columns_of(hidden, block);
      const Matrix dh = columns_of(dhidden, block);
      const std::size_t first = block * kColumnBlock;
      if (second_) {
        matmul(transposed(h), dy, rows(mat(second_->w.grad, H, second_->units), first, h.cols));
        matmul(dy, transposed(rows(second_->weights(), first, h.cols)), dh);
      } else {
        copy(columns_of(dy, block), dh);
      }
      if (dropout_ && pass.training) mask(pass).apply(dh, pass.first_sample, first);
      if (activation_) activation_backward(activation_->function, seen_by_activation(h, block, pass), dh);
      add_rows(dh, std::span(first_.b.grad).subspan(first, dh.cols));
      if (pass.sgd_rate) {
        sparse_dense_step(pixels_, dhidden, *pass.sgd_rate, first_.weights(), block);
      } else {
        sparse_dense_backward(pixels_, dhidden, mat(first_.w.grad, first_.w.shape[0], H), block);
      }
    });
  }

 private:
  // Units of a second layer up to which its partial sums, one for each column block, are worth their memory.
  static constexpr std::size_t kMaxSecond = 64;

  template <class T>
  static MatrixView<T> columns_of(MatrixView<T> m, std::size_t block) {
    const std::size_t first = block * kColumnBlock;
    return columns(m, first, std::min(kColumnBlock, m.cols - first));
  }
  // sums = sum of the rows of m, overwritten
  static void add_rows(ConstMatrix m, std::span<float> sums) {
    std::ranges::fill(sums, 0.0f);
    for (std::size_t r = 0; r < m.rows; ++r) {
      for (std::size_t c = 0; c < m.cols; ++c) sums[c] += m.data[r * m.stride + c];
    }
  }

  bool is_gelu() const { return activation_ && activation_->function == Activation::gelu; }
  Matrix hidden_of(Matrix y) { return second_ ? mat(hidden_, y.rows, first_.units) : y; }
  Matrix partial(std::size_t block, std::size_t batch) {
    return mat(std::span(partial_).subspan(block * batch * second_->units), batch, second_->units);
  }
  DropoutMask mask(const Pass& pass) const {
    return {dropout_->rate, pass.seed, pass.step, dropout_->number};
  }

  // What the activation's backward looks at: its y, which dropout has scaled since, or gelu's x.
  ConstMatrix seen_by_activation(ConstMatrix h, std::size_t block, const Pass& pass) {
    if (is_gelu()) return columns_of(mat(x_, h.rows, first_.units), block);
    if (!dropout_ || !pass.training) return h;
    thread_local Floats unscaled;
    unscaled.resize(std::max(unscaled.size(), h.rows * h.cols));
    const Matrix before = mat(unscaled, h.rows, h.cols);
    copy(h, before);
    const float kept = static_cast<float>(1.0 - dropout_->rate);
    for (float& v : std::span(unscaled).first(h.rows * h.cols)) v *= kept;
    return before;
  }

  // y = the second layer's bias and the partial sums of all column blocks, in their order
  void reduce(Matrix y, ThreadTeam& team) {
    for_row_blocks(team, y.rows, y.cols * column_blocks(first_.units),
                   [&](std::size_t first, std::size_t count) {
                     for (std::size_t s = first; s < first + count; ++s) {
                       float* const out = y.data + s * y.cols;
                       std::ranges::copy(second_->b.value, out);
                       for (std::size_t block = 0; block < column_blocks(first_.units); ++block) {
                         const float* sum = partial(block, y.rows).data + s * y.cols;
                         for (std::size_t c = 0; c < y.cols; ++c) out[c] += sum[c];
                       }
                     }
                   });
  }

  Dense& first_;
  ActivationLayer* activation_;
  Dropout* dropout_;
  Dense* second_;
  NonzeroPixels pixels_;
  Floats hidden_, dhidden_;  // (B, H), after activation and dropout; d(loss)/d(x w + b)
  Floats x_;                 // (B, H), what gelu was given
  Floats partial_;           // (column blocks, B, O): what each adds to the second layer's sums
};

}  // namespace nn
