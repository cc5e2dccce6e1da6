// Inflating .gz files (RFC 1952; of several members, one after the other): a whole one with libdeflate, which
// is three times as fast as zlib, its beginning with zlib, as libdeflate cannot stop early.
#pragma once

#include <libdeflate.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>

#include "nn/core/error.hpp"
#include "nn/files/read_file.hpp"

namespace nn {

inline constexpr std::size_t kGzipRatio = 1032;  // of content to file, at most: as far as deflate goes

inline bool is_gzip(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

namespace detail {
inline Error damaged_gzip(const std::string& path) {
  return Error(path, "gzip data is damaged or cut short, expected a whole .gz file");
}
}  // namespace detail

// Fills `out` with the beginning of the content, and returns the number of bytes: fewer if there are no more.
// Throws Error if that part is damaged or cut short.
inline std::size_t gunzip_start(const InputFile& file, std::span<std::uint8_t> out) {
  z_stream stream{};
  constexpr int gzip_only = 16 + MAX_WBITS;
  if (inflateInit2(&stream, gzip_only) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());

  std::array<std::uint8_t, 4096> part;
  for (std::size_t read = 0; stream.avail_out > 0;) {
    const bool between_members = stream.total_in == 0;
    if (stream.avail_in == 0) {
      const std::size_t size = std::min(part.size(), file.size() - read);
      if (size == 0 && between_members) break;
      if (size == 0) throw detail::damaged_gzip(file.path());
      file.read_at(read, part.data(), size);
      read += size;
      stream.next_in = part.data();
      stream.avail_in = static_cast<uInt>(size);
    }
    const int result = inflate(&stream, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    if (result == Z_STREAM_END) {
      inflateReset(&stream);
    } else if (result != Z_OK) {
      throw detail::damaged_gzip(file.path());
    }
  }
  return out.size() - stream.avail_out;
}

// Fills `out` with the content of a packed file, checked against CRC and length, and returns the number of
// bytes; nothing if there are more than `out` holds. `path` is for the message only. Throws Error if it is
// damaged or cut short.
inline std::optional<std::size_t> gunzip(const std::string& path, std::span<const std::uint8_t> packed,
                                         std::span<std::uint8_t> out) {
  const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> inflater(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  if (!inflater) throw std::bad_alloc();
  std::size_t filled = 0;
  while (!packed.empty()) {
    std::size_t used = 0, made = 0;
    const libdeflate_result result = libdeflate_gzip_decompress_ex(
        inflater.get(), packed.data(), packed.size(), out.data() + filled, out.size() - filled, &used, &made);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE) return std::nullopt;
    if (result != LIBDEFLATE_SUCCESS) throw detail::damaged_gzip(path);
    packed = packed.subspan(used);
    filled += made;
  }
  return filled;
}

}  // namespace nn
