// Images and labels: bytes, as they come, in memory or in a mapped file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/files/read_file.hpp"

namespace nn {

struct Images {
  std::size_t count = 0, rows = 0, cols = 0;
  Bytes bytes;             // a file's header and all, so that nothing is copied
  std::size_t offset = 0;  // of the first pixel in `bytes`
  std::string source;      // the path they are from, for messages

  std::size_t image_size() const { return rows * cols; }
  std::span<const std::uint8_t> pixels() const { return bytes.from(offset); }  // (count, rows, cols)
};

struct Labels {
  Bytes bytes;
  std::size_t offset = 0;
  std::string source;
  std::size_t classes = 0;  // as the file states it, by the width of one-hot labels; 0: it does not

  std::span<const std::uint8_t> labels() const { return bytes.from(offset); }  // (count)
};

inline constexpr std::size_t kMaxImageSide = 4096;  // pixels; sizes of networks then fit into 64 bits
inline constexpr std::size_t kMaxPixels = kMaxImageSide * kMaxImageSide;  // of an image

// Throws Error, naming where they are from, if they are larger than that.
inline void check_size(const Images& images) {
  if (images.rows <= kMaxImageSide && images.cols <= kMaxImageSide) return;
  throw Error(images.source, "images of " + std::to_string(images.rows) + " x " +
                                 std::to_string(images.cols) + " pixels, expected at most " +
                                 std::to_string(kMaxImageSide) + " x " + std::to_string(kMaxImageSide));
}

// Swaps the rows and the columns of every image, in place: none may be mapped.
inline void transpose(Images& images) {
  std::vector<std::uint8_t> image(images.image_size());
  for (std::size_t i = 0; i < images.count; ++i) {
    std::uint8_t* const out = images.bytes.data() + images.offset + i * image.size();
    std::copy_n(out, image.size(), image.begin());
    for (std::size_t c = 0; c < images.cols; ++c) {
      for (std::size_t r = 0; r < images.rows; ++r) out[c * images.rows + r] = image[r * images.cols + c];
    }
  }
  std::swap(images.rows, images.cols);
}

}  // namespace nn
