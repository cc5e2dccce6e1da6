// IDX files: the format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist).
//
//   images: magic 0x00000803, count, rows, cols (big-endian uint32 each), then count * rows * cols bytes
//   labels: magic 0x00000801, count, then count bytes
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <span>
#include <string>

#include "nn/core/error.hpp"
#include "nn/data/gzip.hpp"
#include "nn/data/images.hpp"
#include "nn/files/read_file.hpp"

namespace nn {

namespace detail {
inline std::uint32_t big_endian_u32(std::span<const std::uint8_t> bytes, std::size_t offset) {
  return std::uint32_t{bytes[offset]} << 24 | std::uint32_t{bytes[offset + 1]} << 16 |
         std::uint32_t{bytes[offset + 2]} << 8 | bytes[offset + 3];
}

inline std::string hex(std::uint32_t value) {
  char text[11];
  std::snprintf(text, sizeof text, "0x%08x", value);
  return text;
}

// Reads the file, inflates it if it is packed, and checks magic, dimensions and length.
template <std::size_t Dimensions>
Bytes read_idx(const std::string& path, std::uint32_t magic, const char* kind,
               std::array<std::size_t, Dimensions>& sizes) {
  Bytes bytes = read_file(path);
  if (is_gzip(bytes)) bytes = gunzip(path, bytes);
  constexpr std::size_t header = 4 + 4 * Dimensions;
  const std::string expected = std::string(", expected IDX ") + kind;
  if (bytes.size() < header) {
    throw Error(path, "only " + std::to_string(bytes.size()) + " bytes long" + expected +
                          " with a header of " + std::to_string(header));
  }
  if (const std::uint32_t found = big_endian_u32(bytes, 0); found != magic) {
    throw Error(path, "magic number " + hex(found) + expected + " with " + hex(magic));
  }
  const std::size_t length = bytes.size() - header;
  std::size_t announced = 1;
  std::string shape;
  for (std::size_t d = 0; d < Dimensions; ++d) {
    sizes[d] = big_endian_u32(bytes, 4 + 4 * d);
    shape += (d == 0 ? "" : " x ") + std::to_string(sizes[d]);
    const bool overflows = sizes[d] != 0 && announced > std::numeric_limits<std::size_t>::max() / sizes[d];
    announced = overflows ? std::numeric_limits<std::size_t>::max() : announced * sizes[d];
  }
  if (announced != length) {
    throw Error(path, "header announces " + shape + " bytes, but " + std::to_string(length) + " follow it" +
                          expected + " of just that length");
  }
  return bytes;
}
}  // namespace detail

// Plain or gzip-packed, told apart by content. Throws Error naming the path, what was found and expected.
inline Images read_idx_images(const std::string& path) {
  std::array<std::size_t, 3> sizes{};
  Bytes file = detail::read_idx(path, 0x00000803, "images", sizes);
  if (sizes[0] == 0 || sizes[1] == 0 || sizes[2] == 0) throw Error(path, "holds no pixels, expected images");
  Images images{sizes[0], sizes[1], sizes[2], std::move(file), 16, path};
  check_size(images);
  return images;
}

inline Labels read_idx_labels(const std::string& path) {
  std::array<std::size_t, 1> sizes{};
  Bytes file = detail::read_idx(path, 0x00000801, "labels", sizes);
  return {std::move(file), 8, path, 0};
}

}  // namespace nn
