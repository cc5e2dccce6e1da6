// A network of whichever kind a file holds.
#pragma once

#include <variant>

#include "nn/models/attention_pool.hpp"
#include "nn/models/cnn.hpp"
#include "nn/models/mlp.hpp"

namespace nn {

using AnyShape = std::variant<MlpShape, CnnShape, AttentionShape>;
using AnyModel = std::variant<Mlp, Cnn, AttentionPool>;

// All parameters 0.
inline AnyModel make_model(const AnyShape& shape) {
  if (const auto* mlp = std::get_if<MlpShape>(&shape)) return Mlp(*mlp);
  if (const auto* cnn = std::get_if<CnnShape>(&shape)) return Cnn(*cnn);
  return AttentionPool(std::get<AttentionShape>(shape));
}

}  // namespace nn
