// WholeBatch: what batch norm asks when it is given a shard of a batch and needs statistics of all of it.
#pragma once

#include <cstddef>
#include <span>

namespace nn {

class WholeBatch {
 public:
  virtual ~WholeBatch() = default;

  // What every shard of the batch gives, one after another in their order: (S, n), n the same for all. Valid
  // until this shard's next call. Every shard calls it, and waits for the others.
  virtual std::span<const float> gather(std::span<const float> mine) = 0;
};

}  // namespace nn
