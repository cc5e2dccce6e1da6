// The sizes of the attention model.
#pragma once

#include <cstddef>
#include <string>

#include "nn/core/error.hpp"
#include "nn/layers/inked_tokens.hpp"
#include "nn/layers/positions.hpp"

namespace nn {

struct AttentionShape {
  std::size_t height = 28, width = 28;  // pixels, multiples of `patch`
  std::size_t patch = 4;                // pixels a side
  std::size_t d_model = 64;             // D, a multiple of `heads`
  std::size_t ff = 128;                 // F
  std::size_t heads = 1;                // H
  std::size_t classes = 10;             // K
  Position position = Position::sinusoidal;

  // Throws Error, naming `source`, if images of this size cannot be cut into patches. They have to be square:
  // the model file has their number of patches only.
  void check(const std::string& source) const {
    if (height % patch == 0 && height == width && height > 0) return;
    throw Error(source, "images of " + std::to_string(height) + " x " + std::to_string(width) +
                            " pixels, expected square ones, a multiple of the patch, " +
                            std::to_string(patch) + ", wide");
  }

  PatchGrid grid() const { return {height, width, patch}; }
  std::size_t tokens() const { return grid().tokens(); }             // S
  std::size_t uv_columns() const { return heads * (d_model + ff); }  // H (D + F)
};

}  // namespace nn
