// The largest networks that a model file may hold; images are limited in nn/data/images.hpp.
//
// tools/models/limits.py is the same in Python; tests/golden/network_limits.json tests both.
#pragma once

#include <cstddef>

namespace nn {

inline constexpr std::size_t kMaxLayerSize = 65536;  // units, filters, classes, an embedding's size
inline constexpr std::size_t kMaxLayers = 256, kMaxNesting = 8;
inline constexpr std::size_t kMaxTokens = 4096, kMaxHeads = 64, kMaxKernel = 64;

// Of one sample's activations between two layers, and of its attention scores, H S^2; and of one tensor.
inline constexpr std::size_t kMaxActivations = std::size_t{1} << 28, kMaxTensor = std::size_t{1} << 30;

}  // namespace nn
