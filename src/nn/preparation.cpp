#include "nn/data/network_picture.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <span>

#include <nlohmann/json.hpp>

#include "nn/core/error.hpp"
#include "nn/core/text.hpp"
#include "nn/data/picture_ink.hpp"
#include "nn/data/prepare.hpp"
#include "nn/files/json.hpp"

namespace nn {

namespace {

constexpr std::array<const char*, 3> kPreparationNames{"digits", "drawings", "pictures"};

// The flag that a kind has; "" for none.
constexpr std::array<std::string_view, 3> kPreparationFlags{"", "single", "invert"};

constexpr double kCanvasSide = 280;  // pixels of the longer side of a canvas that is seen as a picture

std::vector<std::uint8_t> bytes_of(std::span<const double> ink) {
  std::vector<std::uint8_t> bytes(ink.size());
  std::ranges::transform(ink, bytes.begin(),
                         [](double i) { return static_cast<std::uint8_t>(std::lround(255 * i)); });
  return bytes;
}

// The pixels of `from` that make up each of `count` pixels, with weights that sum to 1.
struct Taps {
  std::size_t first;
  std::vector<double> weights;
};
std::vector<Taps> taps(std::size_t from, std::size_t count) {
  const double scale = static_cast<double>(from) / static_cast<double>(count), reach = std::max(scale, 1.0);
  std::vector<Taps> all(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first = static_cast<std::size_t>(std::max(centre - reach + 0.5, 0.0));
    const auto end = std::min(from, static_cast<std::size_t>(centre + reach + 0.5));
    double sum = 0;
    all[i].first = first;
    for (std::size_t pixel = first; pixel < end; ++pixel) {
      const double distance = std::abs(static_cast<double>(pixel) + 0.5 - centre) / reach;
      all[i].weights.push_back(std::max(1 - distance, 0.0));
      sum += all[i].weights.back();
    }
    for (double& weight : all[i].weights) weight /= sum;
  }
  return all;
}

// (count, length), each row the mix of `source`'s rows that `rows` says; `length` values a row.
std::vector<std::uint8_t> mixed_rows(std::span<const std::uint8_t> source, const std::vector<Taps>& rows,
                                     std::size_t length) {
  std::vector<std::uint8_t> mixed;
  mixed.reserve(rows.size() * length);
  std::vector<double> row(length);
  for (const Taps& t : rows) {
    std::ranges::fill(row, 0.5);  // to round
    for (std::size_t k = 0; k < t.weights.size(); ++k) {
      const std::uint8_t* const from = &source[(t.first + k) * length];
      for (std::size_t i = 0; i < length; ++i) row[i] += t.weights[k] * from[i];
    }
    for (const double value : row) mixed.push_back(static_cast<std::uint8_t>(value));
  }
  return mixed;
}

std::vector<std::uint8_t> turned(std::span<const std::uint8_t> pixels, std::size_t rows, std::size_t cols) {
  std::vector<std::uint8_t> result(pixels.size());
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t col = 0; col < cols; ++col) result[col * rows + row] = pixels[row * cols + col];
  }
  return result;
}

NetworkPicture as_digit(const Prepared& digit) {
  return {kDigitSide, kDigitSide, bytes_of(digit.picture), digit.reject};
}

NetworkPicture as_drawing(const GreyPicture& picture, bool single, std::size_t side) {
  const Ink ink = ink_of(picture);
  std::vector<double> drawing(side * side);
  const std::size_t drawn = centre_ink(ink, drawing, side);
  const auto reject = [&] {
    if (drawn == 0) return RejectReason::nothing_drawn;
    if (32 * drawn < std::max(ink.rows, ink.cols)) return RejectReason::too_small;
    if (has_lines_across(ink)) return RejectReason::lines_across;
    return single && has_separate_parts(drawing, side) ? RejectReason::not_one_drawing : RejectReason::none;
  };
  return {side, side, bytes_of(drawing), reject()};
}

NetworkPicture as_drawing(std::span<const Stroke> strokes, double pen, bool single, std::size_t side) {
  const detail::PointBox box(strokes);
  std::vector<double> drawing(side * side);
  const auto reject = [&] {
    if (box.points == 0) return RejectReason::nothing_drawn;
    if (box.extent() <= pen) return RejectReason::too_small;
    draw(strokes, detail::kThinPenWidth, pen, drawing, side);
    return single && has_separate_parts(drawing, side) ? RejectReason::not_one_drawing : RejectReason::none;
  }();
  draw(strokes, detail::kPenWidth, pen, drawing, side);
  return {side, side, bytes_of(drawing), reject};
}

NetworkPicture as_picture(const GreyPicture& picture, bool invert, std::size_t rows, std::size_t cols) {
  const auto whole = [](double value) { return static_cast<std::size_t>(std::nearbyint(value)); };
  const bool fills_rows = rows * picture.cols <= cols * picture.rows;  // or the columns
  const auto to = static_cast<double>(fills_rows ? rows : cols),
             from = static_cast<double>(fills_rows ? picture.rows : picture.cols);
  const auto fit = [&](std::size_t length, std::size_t most) {
    return std::clamp<std::size_t>(whole(static_cast<double>(length) * to / from), 1, most);
  };
  const GreyPicture small = resized(picture, fit(picture.rows, rows), fit(picture.cols, cols));
  NetworkPicture shown{rows, cols, std::vector<std::uint8_t>(rows * cols)};
  const std::size_t top = whole(static_cast<double>(rows - small.rows) / 2),
                    left = whole(static_cast<double>(cols - small.cols) / 2);
  for (std::size_t row = 0; row < small.rows; ++row) {
    for (std::size_t col = 0; col < small.cols; ++col) {
      const std::uint8_t grey = small.pixels[row * small.cols + col];
      shown.pixels[(top + row) * cols + left + col] = invert ? static_cast<std::uint8_t>(255 - grey) : grey;
    }
  }
  return shown;
}

// Light strokes on a dark canvas, as the network is to see them.
GreyPicture painted(std::span<const Stroke> strokes, double pen, const Canvas& canvas) {
  assert(pen > 0 && canvas.width > 0 && canvas.height > 0);
  const double scale = kCanvasSide / std::max(canvas.width, canvas.height);
  const auto pixels = [&](double length) {
    return std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(length * scale)));
  };
  const std::size_t rows = pixels(canvas.height), cols = pixels(canvas.width);
  std::vector<double> ink(rows * cols);
  const auto placed = [&](Point p) { return Point{p.x * scale, p.y * scale}; };
  detail::paint(strokes, pen * scale / 2, placed, ink, rows, cols);
  return {rows, cols, bytes_of(ink)};
}

}  // namespace

const char* to_text(Preparation::Kind kind) {
  return kPreparationNames[static_cast<std::size_t>(kind)];
}

bool can_prepare(const Preparation& preparation, std::size_t rows, std::size_t cols) {
  if (preparation.kind == Preparation::Kind::digits) return rows == kDigitSide && cols == kDigitSide;
  return preparation.kind == Preparation::Kind::pictures || rows == cols;
}

Preparation parse_preparation(std::string_view text, const std::string& source) {
  const auto refuse = [&](const std::string& found) {
    throw Error(source, found +
                            ", expected how its pictures were prepared: {\"preparation\": \"digits\"}, "
                            "{\"preparation\": \"drawings\", \"single\": true} or "
                            "{\"preparation\": \"pictures\", \"invert\": true}");
  };
  const nlohmann::json json = parse_json(text);
  if (!json.is_object() || !json.contains("preparation")) refuse("found " + shortened(one_line(text)));
  const auto name =
      std::ranges::find_if(kPreparationNames, [&](const char* n) { return json["preparation"] == n; });
  if (name == kPreparationNames.end()) refuse("found the preparation " + json_in_brief(json["preparation"]));
  const auto kind = static_cast<std::size_t>(name - kPreparationNames.begin());
  Preparation preparation{.kind = static_cast<Preparation::Kind>(kind)};
  for (const auto& [key, value] : json.items()) {
    if (key == "preparation") continue;
    if (key != kPreparationFlags[kind]) refuse("found \"" + shortened(one_line(key)) + "\"");
    if (!value.is_boolean()) refuse("found \"" + key + "\": " + json_in_brief(value));
    (key == "single" ? preparation.single : preparation.invert) = value.get<bool>();
  }
  return preparation;
}

std::string to_text(const Preparation& preparation) {
  nlohmann::ordered_json json{{"preparation", to_text(preparation.kind)}};
  if (preparation.kind == Preparation::Kind::drawings) json["single"] = preparation.single;
  if (preparation.kind == Preparation::Kind::pictures) json["invert"] = preparation.invert;
  return json_text(json);
}

NetworkPicture prepare(const GreyPicture& picture, const Preparation& preparation, std::size_t rows,
                       std::size_t cols) {
  assert(can_prepare(preparation, rows, cols));
  switch (preparation.kind) {
    case Preparation::Kind::digits:
      return as_digit(prepare_ink(ink_of(picture)));
    case Preparation::Kind::drawings:
      return as_drawing(picture, preparation.single, rows);
    default:
      return as_picture(picture, preparation.invert, rows, cols);
  }
}

NetworkPicture prepare(std::span<const Stroke> strokes, double pen, const Canvas& canvas,
                       const Preparation& preparation, std::size_t rows, std::size_t cols) {
  assert(can_prepare(preparation, rows, cols));
  switch (preparation.kind) {
    case Preparation::Kind::digits:
      return as_digit(prepare_strokes(strokes, pen));
    case Preparation::Kind::drawings:
      return as_drawing(strokes, pen, preparation.single, rows);
    default: {
      NetworkPicture shown = as_picture(painted(strokes, pen, canvas), false, rows, cols);
      const bool is_empty = std::ranges::all_of(shown.pixels, [](std::uint8_t ink) { return ink == 0; });
      if (is_empty) shown.reject = RejectReason::nothing_drawn;
      return shown;
    }
  }
}

// Across, then down, each rounded to bytes, as Pillow does.
GreyPicture resized(const GreyPicture& picture, std::size_t rows, std::size_t cols) {
  const std::size_t from_rows = picture.rows, from_cols = picture.cols;
  std::vector<std::uint8_t> pixels = turned(picture.pixels, from_rows, from_cols);  // (from_cols, from_rows)
  pixels = mixed_rows(pixels, taps(from_cols, cols), from_rows);                    // (cols, from_rows)
  pixels = turned(pixels, cols, from_rows);                                         // (from_rows, cols)
  return {rows, cols, mixed_rows(pixels, taps(from_rows, rows), cols)};
}

}  // namespace nn
