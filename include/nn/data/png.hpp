// Grey pictures: PNG files, and many small images on one sheet.
#pragma once

#include <png.h>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/data/exif.hpp"
#include "nn/files/atomic_file.hpp"

namespace nn {

struct GreyPicture {
  std::size_t rows = 0, cols = 0;
  std::vector<std::uint8_t> pixels{};  // (rows, cols), 0 black .. 255 white
};

inline constexpr std::size_t kMaxPicturePixels = std::size_t{1} << 26;
inline constexpr std::size_t kLargestPictureFile = std::size_t{1} << 28;  // bytes

// As seen when held as EXIF's orientation says (exif.hpp).
inline GreyPicture turned_upright(GreyPicture picture, int orientation) {
  if (orientation == 1) return picture;
  const bool swaps = orientation >= 5;
  GreyPicture upright{swaps ? picture.cols : picture.rows, swaps ? picture.rows : picture.cols,
                      std::vector<std::uint8_t>(picture.pixels.size())};
  const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  // Of each upright pixel, where the camera stored it: 5 to 8 swap rows and columns first.
  for (std::size_t row = 0; row < upright.rows; ++row) {
    for (std::size_t col = 0; col < upright.cols; ++col) {
      std::size_t r = swaps ? col : row, c = swaps ? row : col;
      if (from_below) r = picture.rows - 1 - r;
      if (from_right) c = picture.cols - 1 - c;
      upright.pixels[row * upright.cols + col] = picture.pixels[r * picture.cols + c];
    }
  }
  return upright;
}

inline bool is_png(std::span<const std::uint8_t> file) {
  return file.size() >= 8 && png_sig_cmp(file.data(), 0, 8) == 0;
}

namespace detail {
// libpng's simplified interface (1.6): every kind of PNG in, one kind of pixels out, no setjmp.
struct PngImage : png_image {
  PngImage() : png_image{} { version = PNG_IMAGE_VERSION; }
  ~PngImage() { png_image_free(this); }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;
};

// Luma as television and Pillow have it (ITU-R BT.601), after laying the colour over white paper.
inline std::uint8_t grey_over_white(const std::uint8_t* rgba) {
  const std::uint32_t luma = 299u * rgba[0] + 587u * rgba[1] + 114u * rgba[2];  // in 1/1000
  const std::uint32_t alpha = rgba[3];
  return static_cast<std::uint8_t>((luma * alpha + 255'000u * (255u - alpha) + 127'500u) / 255'000u);
}

// Of the chunk eXIf, which libpng's simplified interface does not give; 1, upright, without one.
inline int png_orientation(std::span<const std::uint8_t> file) {
  constexpr std::size_t kSignature = 8, kHead = 8,
                        kChecksum = 4;  // of a chunk: length and name, content, CRC
  for (std::size_t at = kSignature; at + kHead + kChecksum <= file.size();) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < 4; ++i) length = length << 8 | file[at + i];
    if (length > file.size() - at - kHead - kChecksum) break;
    if (std::memcmp(&file[at + 4], "eXIf", 4) == 0) return exif_orientation(file.subspan(at + kHead, length));
    at += kHead + length + kChecksum;
  }
  return 1;
}
}  // namespace detail

// Any PNG: 1 to 16 bits, grey, colour or palette, interlaced or not, turned as its EXIF orientation says;
// what is transparent shows white paper. `source` is where `file` is from, for messages. Throws Error if it
// is no PNG, is damaged, or has more than 2^26 pixels.
inline GreyPicture read_png(std::span<const std::uint8_t> file, const std::string& source) {
  const auto refuse = [&](const std::string& found) {
    throw Error(source, found + ", expected a PNG picture");
  };
  if (!is_png(file)) refuse("has no PNG signature");
  detail::PngImage image;
  if (png_image_begin_read_from_memory(&image, file.data(), file.size()) == 0) refuse(image.message);
  // A row takes at least a byte and a bit for each pixel; deflate packs at most 1032 to 1.
  const std::size_t rows = image.height, cols = image.width, fewest_bytes = rows * (1 + cols / 8);
  const std::string announced = std::to_string(cols) + " x " + std::to_string(rows) + " pixels";
  if (rows * cols > kMaxPicturePixels) refuse("has " + announced + ", more than 2^26");
  if (fewest_bytes / 1032 > file.size()) refuse("is too short for the announced " + announced);
  const bool is_grey = (image.format & (PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA)) == 0;
  image.format = is_grey ? PNG_FORMAT_GRAY : PNG_FORMAT_RGBA;
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // 16 bits of grey are meant like 8, not as linear light
  const auto read_into = [&](std::vector<std::uint8_t>& pixels) {
    if (png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr) == 0) refuse(image.message);
  };
  GreyPicture picture{rows, cols, std::vector<std::uint8_t>(rows * cols)};
  if (is_grey) {  // the same as below, without a colour and an opacity for every pixel
    read_into(picture.pixels);
    return turned_upright(std::move(picture), detail::png_orientation(file));
  }
  std::vector<std::uint8_t> rgba(rows * cols * 4);
  read_into(rgba);
  for (std::size_t i = 0; i < rows * cols; ++i) picture.pixels[i] = detail::grey_over_white(&rgba[4 * i]);
  return turned_upright(std::move(picture), detail::png_orientation(file));
}

// 8 bits of grey. The file appears whole or not at all. Throws Error if it cannot be written.
inline void write_png(const std::string& path, const GreyPicture& picture) {
  assert(picture.rows > 0 && picture.cols > 0 && picture.pixels.size() == picture.rows * picture.cols);
  detail::PngImage image;
  image.width = static_cast<png_uint_32>(picture.cols);
  image.height = static_cast<png_uint_32>(picture.rows);
  image.format = PNG_FORMAT_GRAY;
  const auto encode = [&](char* to, png_alloc_size_t& size) {  // to nullptr: only the size
    if (png_image_write_to_memory(&image, to, &size, 0, picture.pixels.data(), 0, nullptr) == 0) {
      throw Error(path, std::string("cannot be written as PNG: ") + image.message);
    }
  };
  png_alloc_size_t size = 0;
  encode(nullptr, size);
  std::string bytes(size, '\0');
  encode(bytes.data(), size);
  write_atomically(path, bytes);
}

// Images of (rows, cols), one after the other, `across` of them in a row, with a thin grey line around each;
// the places of the last row that are left are black.
inline GreyPicture contact_sheet(std::span<const std::uint8_t> images, std::size_t rows, std::size_t cols,
                                 std::size_t across) {
  constexpr std::uint8_t line = 96;
  assert(rows > 0 && cols > 0 && across > 0 && images.size() % (rows * cols) == 0);
  const std::size_t count = images.size() / (rows * cols), down = (count + across - 1) / across;
  GreyPicture sheet{down * (rows + 1) + 1, across * (cols + 1) + 1, {}};
  sheet.pixels.assign(sheet.rows * sheet.cols, line);
  for (std::size_t place = 0; place < down * across; ++place) {
    for (std::size_t r = 0; r < rows; ++r) {
      const std::size_t row = place / across * (rows + 1) + 1 + r, col = place % across * (cols + 1) + 1;
      const auto to = sheet.pixels.begin() + static_cast<std::ptrdiff_t>(row * sheet.cols + col);
      if (place < count) {
        std::ranges::copy(images.subspan((place * rows + r) * cols, cols), to);
      } else {
        std::fill_n(to, cols, std::uint8_t{0});
      }
    }
  }
  return sheet;
}

}  // namespace nn
