// EXIF: what a camera says of a picture, in JPEG and PNG files alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nn {

// How a picture has to be turned, 1 .. 8 as tag 0x0112 counts; 1, upright, if that is not said. `tiff` is
// what EXIF has from its byte order, "II" or "MM", on.
inline int exif_orientation(std::span<const std::uint8_t> tiff) {
  constexpr std::size_t kEntry = 12;
  const bool little = !tiff.empty() && tiff[0] == 'I';
  const auto number = [&](std::size_t at, std::size_t bytes) {  // 0 beyond the end
    std::size_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      const std::size_t place = at + (little ? bytes - 1 - i : i);
      value = value << 8 | (place < tiff.size() ? tiff[place] : 0u);
    }
    return value;
  };
  const std::size_t directory = number(4, 4);
  for (std::size_t i = 0; i < number(directory, 2); ++i) {
    const std::size_t entry = directory + 2 + kEntry * i;
    if (entry + kEntry > tiff.size()) break;
    if (number(entry, 2) != 0x0112 || number(entry + 2, 2) != 3) continue;  // a 16-bit number
    const std::size_t orientation = number(entry + 8, 2);
    return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
  }
  return 1;
}

}  // namespace nn
