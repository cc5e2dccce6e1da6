// Why a network answers as it does, for one image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/core/parallel.hpp"
#include "nn/network.hpp"

namespace nn {

struct Explanation {
  std::size_t label = 0;           // the likeliest class, about which this is
  std::vector<float> saliency{};   // (pixels): d log(p / (1 - p)) / d pixel, p the class's probability
  std::vector<float> attention{};  // (heads, tokens, tokens) of the first attention layer; empty without one
  std::size_t heads = 0, tokens = 0;
  std::size_t patch = 0;  // pixels of the side of the patches that the tokens are; 0 if they are none
};

// Asks the network again, without fusions, which keep neither the attention nor the way back to the pixels.
Explanation explain(Network& network, std::span<const std::uint8_t> pixels, ThreadTeam& team);

}  // namespace nn
