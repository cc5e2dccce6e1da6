// Augmentation: images shifted, turned, scaled, sheared and displaced a little, differently each time they
// are seen.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <locale>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/core/text.hpp"

namespace nn {

// How much at most: every draw is uniform in +- its limit. All 0: nothing is done, and costs nothing.
struct AugmentOptions {
  double shift = 0;   // pixels, each axis a draw of its own
  double rotate = 0;  // degrees
  double scale = 0;   // each axis is stretched to 1 +- scale, by a draw of its own
  double shear = 0;   // pixels in x for each pixel in y

  // Elastic distortion (Simard, Steinkraus & Platt, 2003): uniform noise in +-1, blurred by a Gaussian of
  // sigma pixels, times alpha pixels. Root mean square, a pixel moves alpha / (6.14 sigma) along each axis.
  double elastic_sigma = 0, elastic_alpha = 0;

  bool any() const { return shift != 0 || rotate != 0 || scale != 0 || shear != 0 || elastic_alpha != 0; }
  bool operator==(const AugmentOptions&) const = default;
};

namespace detail {
struct AugmentPart {
  const char* name;
  double AugmentOptions::*limit;
  double least, most;
  const char* unit;
};
inline constexpr std::array kAugmentParts{
    AugmentPart{"shift", &AugmentOptions::shift, 0, 64, "pixels"},
    AugmentPart{"rotate", &AugmentOptions::rotate, 0, 180, "degrees"},
    AugmentPart{"scale", &AugmentOptions::scale, 0, 0.5, "of the size"},
    AugmentPart{"shear", &AugmentOptions::shear, 0, 1, "pixels for each pixel"},
};
inline constexpr AugmentPart kElasticSigma{"elastic's sigma", &AugmentOptions::elastic_sigma, 0.5, 16,
                                           "pixels"};
inline constexpr AugmentPart kElasticAlpha{"elastic's alpha", &AugmentOptions::elastic_alpha, 0, 300,
                                           "pixels"};

inline double parse_limit(const AugmentPart& part, std::string_view text) {
  std::istringstream in{std::string(text)};  // std::from_chars for floating point is not everywhere yet
  in.imbue(std::locale::classic());
  double value = 0;
  if (!(in >> std::noskipws >> value) || !in.eof() || !(value >= part.least && value <= part.most)) {
    throw Error("--augment", std::string(part.name) + " is '" + std::string(text) + "', expected " +
                                 number_text(part.least) + " to " + number_text(part.most) + " " + part.unit);
  }
  return value;
}
}  // namespace detail

// "shift=2,rotate=12,scale=0.12,shear=0.1,elastic=4:30" (SIGMA:ALPHA): any of these parts in any order, each
// at most once; or "none". Throws Error naming the bad part, what was found and what was expected.
inline AugmentOptions parse_augment(std::string_view text) {
  AugmentOptions options;
  if (text == "none") return options;
  std::vector<std::string_view> seen;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    const std::string_view name = part.substr(0, part.find('='));
    const std::string_view value = name.size() < part.size() ? part.substr(name.size() + 1) : "";
    if (std::ranges::find(seen, name) != seen.end()) {
      throw Error("--augment", "found '" + std::string(name) + "' twice, expected each part once");
    }
    seen.push_back(name);
    const auto known = std::ranges::find(detail::kAugmentParts, name, &detail::AugmentPart::name);
    if (name == "elastic") {
      const std::size_t colon = value.find(':');
      if (colon == std::string_view::npos) {
        throw Error("--augment", "elastic is '" + std::string(value) + "', expected SIGMA:ALPHA, as in 4:30");
      }
      options.elastic_sigma = detail::parse_limit(detail::kElasticSigma, value.substr(0, colon));
      options.elastic_alpha = detail::parse_limit(detail::kElasticAlpha, value.substr(colon + 1));
    } else if (known != detail::kAugmentParts.end()) {
      options.*known->limit = detail::parse_limit(*known, value);
    } else {
      throw Error("--augment",
                  "found '" + std::string(part) +
                      "', expected shift=N, rotate=N, scale=N, shear=N, elastic=SIGMA:ALPHA or none");
    }
    begin = end + 1;
  }
  return options;
}

// What parse_augment() reads as the same options: parts that are 0 are left out.
inline std::string to_text(const AugmentOptions& options) {
  std::vector<std::string> parts;
  for (const detail::AugmentPart& part : detail::kAugmentParts) {
    if (options.*part.limit != 0)
      parts.push_back(std::string(part.name) + "=" + number_text(options.*part.limit));
  }
  if (options.elastic_sigma != 0) {
    parts.push_back("elastic=" + number_text(options.elastic_sigma) + ":" +
                    number_text(options.elastic_alpha));
  }
  return parts.empty() ? "none" : join(parts, ",");
}

// Where the grey of an output pixel (x, y) comes from: origin + x per_x + y per_y + the displacement there.
struct Warp {
  struct Vector {
    double x, y;
  };
  Vector origin, per_x, per_y;  // pixels
  std::array<std::size_t, 2>
      displacement_start;  // first element of the image's window in the displacements of x and of y
};

class Augmenter {
 public:
  static constexpr std::size_t kLargestSide = 256;  // of an image: keeps fixed-point coordinates in 32 bits
  static constexpr int kDisplacementFraction =
      10;  // bits of a displacement below the point: from -32 to 32 pixels
  static constexpr std::size_t kReadAhead = 64;  // elements: what a vector may reach past a row's end

  // For images of (rows, cols). Throws Error if there is something to do and they are larger than 256 x 256.
  Augmenter(const AugmentOptions& options, std::size_t rows, std::size_t cols, std::uint64_t seed);

  // (rows, cols) -> (rows, cols): affine about the centre, then elastic; sampled bilinearly and rounded;
  // outside is paper, 0. The result is a function of image, seed and key (say, epoch * samples + sample),
  // with the same bits in any order, on any number of threads at once and for any instruction set. `in` may
  // be `out`.
  void apply(std::span<const std::uint8_t> in, std::uint64_t key, std::span<std::uint8_t> out) const;

  // What apply() does to the image of this key.
  Warp warp(std::uint64_t key) const;

  // How far the pixel (row, col) is displaced along an axis (0: x, 1: y), in pixels.
  double displacement(const Warp& w, std::size_t axis, std::size_t row, std::size_t col) const;

 private:
  AugmentOptions options_;
  std::size_t rows_, cols_;
  std::uint64_t seed_;
  std::size_t displacement_cols_ = 0;
  std::array<std::vector<std::int16_t>, 2>
      displacements_;  // (rows + 160, cols + 160) for x and y, 2^-10 pixel
};

}  // namespace nn
