// backward_and_descend is backward and a step, for any model.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "catch.hpp"
#include "nn/core/parallel.hpp"
#include "nn/data/batches.hpp"
#include "nn/models/model.hpp"

namespace nn::test {

// Two networks of the same weights; the step is written out, not what ships. One step only: rounding could
// make another unit win in the next.
template <Model M>
void require_fused_descent(M& fused, M& plain, const Batch& batch, std::span<const float> dlogits, float rate,
                           ThreadTeam& team) {
  fused.forward(batch, team);
  fused.backward_and_descend(batch, dlogits, rate, team);
  plain.forward(batch, team);
  plain.backward(batch, dlogits, team);
  for (std::size_t i = 0; i < plain.tensors().size(); ++i) {
    Tensor& t = *plain.tensors()[i];
    const Floats before = t.value, &found = fused.tensors()[i]->value;
    REQUIRE(found.size() == before.size());
    for (std::size_t j = 0; j < before.size(); ++j) t.value[j] -= rate * t.grad[j];
    INFO(t.name);
    float largest = 0, change = 0, error = 0;
    for (std::size_t j = 0; j < found.size(); ++j) {
      largest = std::max(largest, std::abs(t.value[j]));
      change = std::max(change, std::abs(t.value[j] - before[j]));
      const float difference = std::abs(found[j] - t.value[j]);
      if (!(difference <= error)) error = difference;  // keeps a NaN
    }
    REQUIRE(error <= 1e-6f * largest);
    if (largest > 0) REQUIRE((change == 0 || change > 100 * error));  // the step itself was compared
  }
}

}  // namespace nn::test
