// A mini-batch, as a network sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nn {

// What a model is fed: B images as bytes, pixel = byte / 255, and their labels. Owns nothing.
struct Batch {
  std::size_t size = 0;                  // B
  std::span<const std::uint8_t> pixels;  // (B, rows * cols)
  std::span<const std::uint8_t> labels;  // (B)

  std::span<const std::uint8_t> image(std::size_t i) const {
    return pixels.subspan(i * (pixels.size() / size), pixels.size() / size);
  }
};

}  // namespace nn
