// Drawings as text, as in tests/golden/prepared.txt.
#pragma once

#include <istream>
#include <optional>
#include <string>

#include "nn/data/picture_ink.hpp"
#include "nn/data/prepare.hpp"

namespace nn::test {

// Reads the next drawing and prepares it; nothing at the end. Numbers are separated by white space:
//   strokes SMALLEST STROKES   then for each stroke: POINTS x y x y ...
//   picture ROWS COLS          then a byte for each pixel, 0 black .. 255 white
// Throws Error if the text is of another form.
inline std::optional<Prepared> prepare_next(std::istream& in) {
  const auto number = [&]<class T>(T value) {  // the argument only names the type
    if (!(in >> value)) throw Error("drawing", "found no number, expected one");
    return value;
  };
  std::string kind;
  if (!(in >> kind)) return std::nullopt;
  if (kind == "strokes") {
    const double smallest = number(double{});
    std::vector<Stroke> strokes(number(std::size_t{}));
    for (Stroke& stroke : strokes) {
      stroke.resize(number(std::size_t{}));
      for (Point& point : stroke) point.x = number(double{}), point.y = number(double{});
    }
    return prepare_strokes(strokes, smallest);
  }
  if (kind == "picture") {
    const std::size_t rows = number(std::size_t{}), cols = number(std::size_t{});
    GreyPicture picture{rows, cols, std::vector<std::uint8_t>(rows * cols)};
    for (std::uint8_t& pixel : picture.pixels) pixel = static_cast<std::uint8_t>(number(0));
    return prepare_ink(ink_of(picture));
  }
  throw Error("drawing", "found " + kind + ", expected strokes or picture");
}

}  // namespace nn::test
