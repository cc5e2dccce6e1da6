// All fusions, in the order in which they are tried at a place of a chain.
#pragma once

#include <memory>

#include "nn/fusions/attention_pool.hpp"
#include "nn/fusions/batch_norm_relu.hpp"
#include "nn/fusions/conv_max_pool.hpp"
#include "nn/fusions/conv_pool_dense.hpp"
#include "nn/fusions/dense_sgd.hpp"
#include "nn/fusions/fusion.hpp"
#include "nn/fusions/sparse_dense.hpp"
#include "nn/fusions/vector_max_pool.hpp"
#include "nn/fusions/winograd_conv.hpp"

namespace nn {

// The fusion that applies at this place, or null.
inline std::unique_ptr<Fusion> fusion_at(const FusionSite& site) {
  for (const auto apply : {SparseDense::at, ConvPoolDense::at, ConvMaxPool::at, AttentionPool::at,
                           BatchNormRelu::at, WinogradConv::at, VectorMaxPool::at, DenseSgd::at}) {
    if (std::unique_ptr<Fusion> fusion = apply(site)) return fusion;
  }
  return nullptr;
}

}  // namespace nn
