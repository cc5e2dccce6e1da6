// The largest networks that a model file may hold, of either format; images are limited in
// nn/data/images.hpp.
//
// tools/models/limits.py is the same in Python; tests/golden/network_limits.json tests both.
#pragma once

#include <cstddef>

namespace nn {

inline constexpr std::size_t kMaxLayerSize = 65536;  // units, filters, classes, an embedding's size, ...
inline constexpr std::size_t kMaxHiddenLayers = 64;

// Beyond these a sample's attention scores, H S^2, fill a memory.
inline constexpr std::size_t kMaxTokens = 4096, kMaxHeads = 64;

}  // namespace nn
