// The sizes of the attention model.
#pragma once

#include <cstddef>
#include <string>

#include "nn/core/error.hpp"
#include "nn/layers/inked_tokens.hpp"
#include "nn/layers/positions.hpp"
#include "nn/models/limits.hpp"

namespace nn {

struct AttentionShape {
  std::size_t height = 28, width = 28;  // pixels, multiples of `patch`
  std::size_t patch = 4;                // pixels a side
  std::size_t d_model = 64;             // D, a multiple of `heads`
  std::size_t ff = 128;                 // F
  std::size_t heads = 1;                // H
  std::size_t classes = 10;             // K
  Position position = Position::sinusoidal;

  // Throws Error, naming `source`, if images of this size cannot be cut into patches, or into too many.
  void check(const std::string& source) const {
    const std::string size = std::to_string(height) + " x " + std::to_string(width) + " pixels";
    const std::string a_side = std::to_string(patch) + " a side";
    if (height % patch != 0 || width % patch != 0 || height == 0 || width == 0) {
      throw Error(source, "images of " + size + ", expected multiples of the patch, " + a_side);
    }
    if (tokens() > kMaxTokens) {
      throw Error(source, "images of " + size + " make " + std::to_string(tokens()) + " patches of " +
                              a_side + ", expected at most " + std::to_string(kMaxTokens));
    }
  }

  PatchGrid grid() const { return {height, width, patch}; }
  std::size_t tokens() const { return grid().tokens(); }             // S
  std::size_t uv_columns() const { return heads * (d_model + ff); }  // H (D + F)
  std::size_t parameters() const {
    return (grid().patch_pixels() + 1 + tokens()) * d_model + 3 * (d_model + 1) * d_model +
           (d_model + 1) * ff + (ff + 1) * d_model + (d_model + 1) * classes;
  }

  // "28x28 -> 49 patches of 4x4, sinusoidal positions -> attention, width 64, 2 heads -> 128 (relu) -> mean
  // -> ..."
  std::string summary() const {
    const std::string side = std::to_string(patch);
    return std::to_string(height) + "x" + std::to_string(width) + " -> " + std::to_string(tokens()) +
           " patches of " + side + "x" + side + ", " +
           (position == Position::none ? "no" : name_of(kPositionNames, position)) +
           " positions -> attention, width " + std::to_string(d_model) + ", " + std::to_string(heads) +
           (heads == 1 ? " head" : " heads") + " -> " + std::to_string(ff) + " (relu) -> mean -> " +
           std::to_string(classes) + " (softmax)";
  }
};

}  // namespace nn
