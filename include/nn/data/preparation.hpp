// How pictures became the images that a network has learned from, so that new ones are prepared alike.
//
// A data set says it in the file preparation.json beside its images, which tools/make_idx.py writes, and a
// model in its metadata "preparation". Both are one JSON object:
//
//   {"preparation": "digits"}                     as MNIST's: the ink, cropped, scaled and centred; what does
//                                                 not look like one digit is rejected
//   {"preparation": "drawings", "single": true}   the same for drawings of anything; if the data set's are
//                                                 "single", two of them beside one another are rejected
//   {"preparation": "pictures", "invert": true}   the whole picture, scaled to fit the image and put in its
//                                                 middle; with "invert", dark becomes light
//
// "single" and "invert" may be left out for false. Data sets and models that do not say it are taken for
// MNIST's. tools/common/preparation.py is the same in Python.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nn/data/png.hpp"
#include "nn/data/prepare.hpp"

namespace nn {

inline constexpr const char* kPreparationFile = "preparation.json";

struct Preparation {
  enum class Kind { digits, drawings, pictures };
  Kind kind = Kind::digits;
  bool single = false;  // of drawings
  bool invert = false;  // of pictures

  bool operator==(const Preparation&) const = default;
};

// Throws Error, naming `source`, if the text is anything else.
Preparation parse_preparation(std::string_view text, const std::string& source);
// The JSON text of it.
std::string to_text(const Preparation& preparation);

// What a network is shown: 0 paper .. 255 ink.
struct NetworkPicture {
  std::size_t rows = 0, cols = 0;
  std::vector<std::uint8_t> pixels{};        // (rows, cols)
  RejectReason reject = RejectReason::none;  // of a picture that was not prepared always this
};

// A picture of any size as a network for images of (rows, cols) is shown it. Digits and drawings are square.
NetworkPicture prepare(const GreyPicture& picture, const Preparation& preparation, std::size_t rows,
                       std::size_t cols);

// Scaled by a triangle filter as wide as a pixel of the result, which is Pillow's BILINEAR, within a step of
// 1/255.
GreyPicture resized(const GreyPicture& picture, std::size_t rows, std::size_t cols);

}  // namespace nn
