// Optimizers: how a gradient moves a parameter. Their state lives beside it, in the tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/core/parallel.hpp"
#include "nn/core/tensor.hpp"

namespace nn {

enum class OptimizerKind { sgd, momentum, nesterov, adam, adamw };

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::sgd;
  double momentum = 0.9;              // momentum, nesterov
  double beta1 = 0.9, beta2 = 0.999;  // adam, adamw: decay of the two moments
  double epsilon = 1e-8;              // adam, adamw
  // adamw: times the rate, off the weights, but not off biases and norms, tensors of one dimension; others:
  // times w, to the gradient of every tensor
  double weight_decay = 0;
  double clip_norm = 0;  // largest norm of the gradient of all tensors together; 0: no clipping
};

// The numbers of one step, the same for every element. g is the gradient after clipping and decay.
struct OptimizerStep {
  OptimizerKind kind;
  float rate;
  float gradient_scale;  // 1, or less where the gradient is clipped
  float decay, shrink;   // g += decay w;  w *= shrink, of adamw's weights
  float momentum, beta1, beta2, epsilon;
  float one_minus_beta1, one_minus_beta2;        // not 1 - beta in float: 0.999f is too coarse for that
  float moment1_correction, moment2_correction;  // adam: 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t)
};

// Moves the elements begin .. end-1 of a tensor:
//   sgd       w -= rate g
//   momentum  m = mu m + g;  w -= rate m                     (Polyak, 1964; as PyTorch has it)
//   nesterov  m = mu m + g;  w -= rate (g + mu m)            (Sutskever et al., 2013)
//   adam(w)   m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
//             w -= rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
//                                                            (Kingma & Ba, 2015; Loshchilov & Hutter, 2019)
void optimizer_update(const OptimizerStep& step, Tensor& t, std::size_t begin, std::size_t end);

class Optimizer {
 public:
  // `steps` already taken: not 0 when a run is resumed.
  explicit Optimizer(const OptimizerOptions& options, std::uint64_t steps = 0)
      : options_(options), steps_(steps) {}

  std::uint64_t steps() const { return steps_; }

  // Which of a tensor's moments it keeps.
  bool uses_first_moment() const { return options_.kind != OptimizerKind::sgd; }
  bool uses_second_moment() const {
    return options_.kind == OptimizerKind::adam || options_.kind == OptimizerKind::adamw;
  }

  // Nothing but w -= rate g: a network may then move its weights while it makes the gradient.
  bool is_plain_sgd() const {
    return options_.kind == OptimizerKind::sgd && options_.weight_decay == 0 && options_.clip_norm == 0;
  }

  // Moves every tensor by its gradient.
  void step(std::span<Tensor* const> tensors, float rate, ThreadTeam& team);

 private:
  struct Chunk {
    Tensor* tensor;
    std::size_t begin, end;
    double squares;  // sum of g^2
  };

  void list_chunks(std::span<Tensor* const> tensors);
  OptimizerStep numbers_of_step(float rate, ThreadTeam& team);
  float clip_scale(ThreadTeam& team);

  OptimizerOptions options_;
  std::uint64_t steps_;
  std::vector<Chunk> chunks_;
};

}  // namespace nn
