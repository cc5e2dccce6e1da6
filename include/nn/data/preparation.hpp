// How pictures became the images that a network has learned from, so that new ones are prepared alike.
//
// A data set says it in the file preparation.json beside its images, which tools/make_idx.py writes; a data
// set that is a SafeTensors file, and a model, in the metadata "preparation". It is one JSON object:
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
#include <string>
#include <string_view>

namespace nn {

inline constexpr const char* kPreparationFile = "preparation.json";

struct Preparation {
  enum class Kind { digits, drawings, pictures };
  Kind kind = Kind::digits;
  bool single = false;  // of drawings
  bool invert = false;  // of pictures

  bool operator==(const Preparation&) const = default;
};

const char* to_text(Preparation::Kind kind);  // "digits", "drawings", "pictures"

// Whether there are such images of (rows, cols): of digits only 28x28, of drawings squares.
bool can_prepare(const Preparation& preparation, std::size_t rows, std::size_t cols);

// Throws Error, naming `source`, if the text is anything else.
Preparation parse_preparation(std::string_view text, const std::string& source);
// The JSON text of it.
std::string to_text(const Preparation& preparation);

}  // namespace nn
