// Pictures as a command line names them: a PNG or JPEG file, "-" for one on standard input, IDXFILE:INDEX for
// one of an IDX file, plain or .gz.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/data/idx.hpp"
#include "nn/data/picture_file.hpp"

namespace nn {

namespace detail {
// A name that ends in :INDEX and is not that of a file.
inline std::optional<std::pair<std::string, std::string>> idx_place(const std::string& name) {
  const std::size_t colon = name.rfind(':');
  std::error_code unknown;  // is no file
  if (colon == std::string::npos || colon + 1 == name.size() || std::filesystem::exists(name, unknown)) {
    return {};
  }
  const std::string index = name.substr(colon + 1);
  const bool is_number = std::ranges::all_of(index, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return {};
  return std::pair(name.substr(0, colon), index);
}

inline std::vector<std::uint8_t> read_standard_input() {
  std::vector<std::uint8_t> bytes;
  std::array<std::uint8_t, 65536> part;
  while (const std::size_t count = std::fread(part.data(), 1, part.size(), stdin)) {
    bytes.insert(bytes.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(count));
    if (bytes.size() > kLargestPictureFile) {
      throw Error("standard input", "more than 2^28 bytes, expected a PNG or JPEG picture");
    }
  }
  if (std::ferror(stdin)) throw system_error("standard input", "cannot be read");
  return bytes;
}
}  // namespace detail

struct NamedPicture {
  GreyPicture picture;
  bool is_image;  // of an IDX file: as networks take it, 0 paper .. 255 ink
};

// Reads them, from several threads at once if wanted. An IDX file is read once and stays in memory.
class NamedPictures {
 public:
  // `transposed`: rows and columns of an IDX file's images are swapped.
  explicit NamedPictures(bool transposed = false) : transposed_(transposed) {}

  // Throws Error if it cannot be read.
  NamedPicture read(const std::string& name) {
    if (const auto place = detail::idx_place(name)) return {image(place->first, place->second), true};
    if (name == "-") return {read_picture(detail::read_standard_input(), "standard input"), false};
    return {read_picture(name), false};
  }

 private:
  GreyPicture image(const std::string& path, const std::string& index) {
    const Images& images = idx_file(path);
    // Of ten digits or more it is none of the images: a count has 32 bits.
    const std::size_t i = index.size() < 10 ? std::stoul(index) : images.count;
    if (i >= images.count) {
      throw Error(path + ":" + index, "no such image, expected 0 to " + std::to_string(images.count - 1));
    }
    const auto pixels = images.pixels().subspan(i * images.image_size(), images.image_size());
    return {images.rows, images.cols, {pixels.begin(), pixels.end()}};
  }

  const Images& idx_file(const std::string& path) {
    const std::scoped_lock lock(mutex_);
    const auto known = idx_files_.find(path);
    if (known != idx_files_.end()) return known->second;
    Images images = read_idx_images(path);
    if (transposed_) transpose(images);
    return idx_files_.emplace(path, std::move(images)).first->second;
  }

  const bool transposed_;
  std::mutex mutex_;
  std::map<std::string, Images> idx_files_;
};

}  // namespace nn
