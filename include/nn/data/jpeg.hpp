// JPEG files.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "nn/data/png.hpp"

namespace nn {

inline bool is_jpeg(std::span<const std::uint8_t> file) {
  return file.size() >= 3 && file[0] == 0xff && file[1] == 0xd8 && file[2] == 0xff;
}

// Grey, colour or CMYK, baseline or progressive, turned as its EXIF orientation says. `source` is where
// `file` is from, for messages. Throws Error if it is no JPEG, is damaged or cut short, or has more than 2^26
// pixels.
GreyPicture read_jpeg(std::span<const std::uint8_t> file, const std::string& source);

// The library that reads them, as "libjpeg-turbo 2.1.5".
std::string jpeg_version();

}  // namespace nn
