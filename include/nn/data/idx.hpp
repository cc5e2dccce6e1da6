// IDX files: the format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist).
//
//   images: magic 0x00000803, count, rows, cols (big-endian uint32 each), then count * rows * cols bytes
//   labels: magic 0x00000801, count, then count bytes
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "nn/core/error.hpp"
#include "nn/core/text.hpp"
#include "nn/data/gzip.hpp"
#include "nn/data/images.hpp"
#include "nn/files/mapped_file.hpp"
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

// An IDX file whose header has been read: magic, dimensions, and whether a file of that size can hold what it
// announces. Nothing is allocated before that is known.
template <std::size_t Dimensions>
class IdxFile {
 public:
  static constexpr std::size_t kHeader = 4 + 4 * Dimensions;  // bytes

  // Throws Error if it cannot be read or is not one of `kind`.
  IdxFile(const std::string& path, std::uint32_t magic, const char* kind)
      : file_(path), expected_(std::string(", expected IDX ") + kind) {
    std::array<std::uint8_t, kHeader> header{};
    std::size_t size = std::min(file_.size(), kHeader);
    file_.read_at(0, header.data(), size);
    is_packed_ = is_gzip(std::span(header).first(size));
    if (is_packed_) size = gunzip_start(file_, header);
    if (size < kHeader) {
      throw Error(path, "only " + std::to_string(size) + " bytes long" + expected_ + " with a header of " +
                            std::to_string(kHeader));
    }
    if (const std::uint32_t found = big_endian_u32(header, 0); found != magic) {
      throw Error(path, "magic number " + hex(found) + expected_ + " with " + hex(magic));
    }
    // What may follow the header: of a packed file, as much as could at all be packed into it.
    const std::size_t length = file_.size() * (is_packed_ ? kGzipRatio : 1) - kHeader;
    announced_ = 1;
    for (std::size_t d = 0; d < Dimensions; ++d) {
      sizes_[d] = big_endian_u32(header, 4 + 4 * d);
      const bool overflows =
          sizes_[d] != 0 && announced_ > std::numeric_limits<std::size_t>::max() / sizes_[d];
      announced_ = overflows ? std::numeric_limits<std::size_t>::max() : announced_ * sizes_[d];
    }
    if (is_packed_ ? announced_ > length : announced_ != length) {
      throw other_length((is_packed_ ? "at most " : "") + std::to_string(length));
    }
  }

  const std::array<std::size_t, Dimensions>& sizes() const { return sizes_; }

  // Header and content; mapped, if the file is plain and has at least `map_from` bytes. Throws Error if the
  // content is damaged, or shorter or longer than announced.
  Bytes read(std::size_t map_from = kNeverMap) const {
    if (!is_packed_) {
      std::optional<Bytes> mapped;
      if (file_.size() >= map_from) mapped = map_file(file_);
      return mapped ? std::move(*mapped) : read_whole();
    }
    Bytes bytes(kHeader + announced_);
    const std::optional<std::size_t> size =
        gunzip(file_.path(), read_whole(), std::span(bytes.data(), bytes.size()));
    if (!size) throw other_length("more");
    if (*size != bytes.size()) throw other_length(std::to_string(*size - std::min(*size, kHeader)));
    return bytes;
  }

 private:
  Bytes read_whole() const {
    Bytes bytes(file_.size());
    file_.read_at(0, bytes.data(), bytes.size());
    return bytes;
  }

  Error other_length(const std::string& found) const {
    return Error(file_.path(), "header announces " + join(sizes_, " x ") + " bytes, but " + found +
                                   " follow it" + expected_ + " of just that length");
  }

  InputFile file_;
  std::string expected_;
  bool is_packed_ = false;
  std::array<std::size_t, Dimensions> sizes_{};
  std::size_t announced_ = 0;  // bytes after the header
};
}  // namespace detail

// Plain or gzip-packed, told apart by content; a plain file of at least `map_from` bytes is mapped. Throws
// Error naming the path, what was found and expected.
inline Images read_idx_images(const std::string& path, std::size_t map_from = kNeverMap) {
  const detail::IdxFile<3> file(path, 0x00000803, "images");
  const auto [count, rows, cols] = file.sizes();
  if (count == 0 || rows == 0 || cols == 0) throw Error(path, "holds no pixels, expected images");
  Images images{count, rows, cols, {}, file.kHeader, path};
  check_size(images);
  images.bytes = file.read(map_from);
  return images;
}

inline Labels read_idx_labels(const std::string& path) {
  const detail::IdxFile<1> file(path, 0x00000801, "labels");
  return {file.read(), file.kHeader, path, 0};
}

}  // namespace nn
