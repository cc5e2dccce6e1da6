// Chain: layers one after the other, and the memory between them, planned before the first batch.
//
// What a whole network is, and what residual.hpp has inside. What runs are stages: a layer each, or a fusion
// of several (fusions/).
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "nn/core/matmul.hpp"
#include "nn/core/shape.hpp"
#include "nn/core/tensor.hpp"
#include "nn/fusions/fusion.hpp"
#include "nn/layers/layer.hpp"

namespace nn {

class Chain {
 public:
  // Prepares the layers. `is_first`: they take a network's images, as bytes if a fusion does.
  Chain(const Shape& input, std::vector<std::unique_ptr<Layer>> layers, bool is_first = false);

  std::vector<std::unique_ptr<Layer>>& layers() { return layers_; }
  const std::vector<std::unique_ptr<Layer>>& layers() const { return layers_; }
  const Shape& output() const { return shapes_.back(); }

  // Here and in the layers' own chains. Chains begin with fusions.
  void use_fusions(bool use);
  std::vector<Fusion*> fusions() const;
  bool reads_bytes() const;  // and no x

  // Memory for batches of up to this size.
  void reserve(std::size_t batch);

  // x (B, in) -> (B, out), valid until the next call
  ConstMatrix forward(ConstMatrix x, const Pass& pass);

  // dy (B, out) -> dx (B, in), overwritten, unless its data is null. x is forward's.
  void backward(ConstMatrix x, ConstMatrix dy, Matrix dx, const Pass& pass);

 private:
  struct Stage {
    Layer* layer;
    std::size_t size;      // of what it makes of a sample
    bool in_place;         // makes it where its input is
    std::size_t offset;    // of its place in memory_, for a sample
    ConstMatrix x{}, y{};  // of the last forward pass
  };
  void plan();

  bool is_first_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::vector<Shape> shapes_;
  std::vector<std::unique_ptr<Fusion>> fusions_;
  std::vector<Stage> stages_;
  std::size_t capacity_ = 0, widest_ = 0,
              size_ = 0;  // samples; numbers a sample has between two stages, and in all
  Floats memory_;         // (capacity, size)
  Floats gradients_[2];   // (B, widest), by turns
};

}  // namespace nn
