#include "nn/training/optimizer.hpp"

#include <algorithm>
#include <cmath>

namespace nn {

void Optimizer::step(std::span<Tensor* const> tensors, float rate, ThreadTeam& team) {
  ++steps_;
  list_chunks(tensors);
  const OptimizerStep weights = numbers_of_step(rate, team);
  OptimizerStep others = weights;  // biases and norms
  others.shrink = 1.0f;
  team.parallel_for(chunks_.size(), [&](std::size_t c) {
    const Chunk& chunk = chunks_[c];
    const OptimizerStep& numbers = chunk.tensor->shape.size() > 1 ? weights : others;
    optimizer_update(numbers, *chunk.tensor, chunk.begin, chunk.end);
  });
}

void Optimizer::list_chunks(std::span<Tensor* const> tensors) {
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

OptimizerStep Optimizer::numbers_of_step(float rate, ThreadTeam& team) {
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
float Optimizer::clip_scale(ThreadTeam& team) {
  team.parallel_for(chunks_.size(), [&](std::size_t c) {
    Chunk& chunk = chunks_[c];
    for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
      const double g = static_cast<double>(chunk.tensor->grad[i]);
      chunk.squares += g * g;
    }
  });
  double squares = 0;
  for (const Chunk& chunk : chunks_) squares += chunk.squares;
  return static_cast<float>(std::min(1.0, options_.clip_norm / (std::sqrt(squares) + 1e-12)));
}

}  // namespace nn
