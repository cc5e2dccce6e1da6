// Pixels as numbers: byte / 255.
#pragma once

#include <array>
#include <cstddef>

namespace nn {

// kIntensity[byte] = byte / 255, 0 paper .. 1 ink. A table: the division would cost more than the look-up.
inline constexpr std::array<float, 256> kIntensity = [] {
  std::array<float, 256> table{};
  for (std::size_t byte = 0; byte < 256; ++byte) table[byte] = static_cast<float>(byte) / 255.0f;
  return table;
}();

}  // namespace nn
