// Optimizers: how a gradient moves a parameter. Their state lives beside it, in the tensor.
#pragma once

#include <algorithm>
#include <cmath>
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
  double weight_decay = 0;  // adamw: times the rate, off the weights; others: times w, to the gradient
  double clip_norm = 0;     // the gradient of all tensors together is shortened to this; 0: never
};

// The numbers of one step, the same for every element. g is the gradient after clipping and decay.
struct OptimizerStep {
  OptimizerKind kind;
  float rate;
  float gradient_scale;  // 1, or less where the gradient is clipped
  float decay, shrink;   // g += decay w;  w *= shrink
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

  // Nothing but w -= rate g: a model may then move its weights while it makes the gradient.
  bool is_plain_descent() const {
    return options_.kind == OptimizerKind::sgd && options_.weight_decay == 0 && options_.clip_norm == 0;
  }

  // Moves every tensor by its gradient. `tensors`: a range of Tensor*.
  template <class Tensors>
  void step(const Tensors& tensors, float rate, ThreadTeam& team) {
    ++steps_;
    list_chunks(tensors);
    const OptimizerStep numbers = numbers_of_step(rate, team);
    team.for_blocks(chunks_.size(), [&](std::size_t c) {
      optimizer_update(numbers, *chunks_[c].tensor, chunks_[c].begin, chunks_[c].end);
    });
  }

 private:
  struct Chunk {
    Tensor* tensor;
    std::size_t begin, end;
    double squares;  // sum of g^2
  };

  template <class Tensors>
  void list_chunks(const Tensors& tensors) {
    constexpr std::size_t size = 16384;
    chunks_.clear();  // keeps its memory
    for (Tensor* t : tensors) {
      if (uses_first_moment()) t->moment1.resize(t->value.size());
      if (uses_second_moment()) t->moment2.resize(t->value.size());
      for (std::size_t begin = 0; begin < t->value.size(); begin += size) {
        chunks_.push_back({t, begin, std::min(begin + size, t->value.size()), 0.0});
      }
    }
  }

  OptimizerStep numbers_of_step(float rate, ThreadTeam& team) {
    const bool decoupled = options_.kind == OptimizerKind::adamw;
    const double t = static_cast<double>(steps_);
    OptimizerStep s{};
    s.kind = options_.kind;
    s.rate = rate;
    s.gradient_scale = options_.clip_norm > 0 ? clip_scale(team) : 1.0f;
    s.decay = decoupled ? 0.0f : static_cast<float>(options_.weight_decay);
    s.shrink = decoupled ? static_cast<float>(1.0 - static_cast<double>(rate) * options_.weight_decay) : 1.0f;
    s.momentum = static_cast<float>(options_.momentum);
    s.beta1 = static_cast<float>(options_.beta1);
    s.beta2 = static_cast<float>(options_.beta2);
    s.one_minus_beta1 = static_cast<float>(1.0 - options_.beta1);
    s.one_minus_beta2 = static_cast<float>(1.0 - options_.beta2);
    s.epsilon = static_cast<float>(options_.epsilon);
    s.moment1_correction = static_cast<float>(1.0 / (1.0 - std::pow(options_.beta1, t)));
    s.moment2_correction = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(options_.beta2, t)));
    return s;
  }

  // min(1, clip_norm / |g|), |g| over all tensors; summed chunk by chunk, so the same for any number of
  // threads.
  float clip_scale(ThreadTeam& team) {
    team.for_blocks(chunks_.size(), [&](std::size_t c) {
      Chunk& chunk = chunks_[c];
      for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
        chunk.squares +=
            static_cast<double>(chunk.tensor->grad[i]) * static_cast<double>(chunk.tensor->grad[i]);
      }
    });
    double squares = 0;
    for (const Chunk& chunk : chunks_) squares += chunk.squares;
    return static_cast<float>(std::min(1.0, options_.clip_norm / (std::sqrt(squares) + 1e-12)));
  }

  OptimizerOptions options_;
  std::uint64_t steps_;
  std::vector<Chunk> chunks_;
};

}  // namespace nn
