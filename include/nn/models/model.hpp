// What the training loop asks of a network. No base class: any type that fits will do.
#pragma once

#include <concepts>
#include <ranges>
#include <span>

#include "nn/core/parallel.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/batches.hpp"

namespace nn {

// B samples of the batch, K classes.
template <class M>
concept Model = requires(M model, const M& fixed, const Batch& batch, std::span<const float> dlogits,
                         float rate, ThreadTeam& team) {
  // forward: images -> logits (B, K); they stay valid, and what backward needs is kept, until the next call.
  { model.forward(batch, team) } -> std::same_as<std::span<const float>>;

  // backward: d(loss)/d(logits) (B, K) -> the `grad` of every tensor, overwritten. `batch` is forward's.
  { model.backward(batch, dlogits, team) } -> std::same_as<void>;

  // The same and value -= rate grad for every tensor, in fewer passes over memory; `grad` is left undefined.
  { model.backward_and_descend(batch, dlogits, rate, team) } -> std::same_as<void>;

  // Every parameter, once, in the order of the model file: a range of Tensor*.
  { model.tensors() } -> std::ranges::range;

  { fixed.classes() } -> std::same_as<std::size_t>;
};

}  // namespace nn
