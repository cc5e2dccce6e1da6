// A picture in a file, told by its content: PNG or JPEG.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "nn/data/jpeg.hpp"
#include "nn/data/png.hpp"
#include "nn/files/read_file.hpp"

namespace nn {

// As read_png() and read_jpeg(). Throws Error if it is neither.
inline GreyPicture read_picture(std::span<const std::uint8_t> file, const std::string& source) {
  if (is_jpeg(file)) return read_jpeg(file, source);
  if (is_png(file)) return read_png(file, source);
  throw Error(source, "has no signature of PNG or JPEG, expected a PNG or JPEG picture");
}

// The same of a file. Throws Error also if it cannot be read, or if it has more than 2^28 bytes.
inline GreyPicture read_picture(const std::string& path) {
  return read_picture(read_file(path, kLargestPictureFile), path);
}

}  // namespace nn
