// From a drawing to the 28x28 picture that a network knows: MNIST's own preparation, and always one pen.
//
// Strokes: the tight box of all points is scaled so that the ink, pen included, fills 20x20, and painted with
// a pen of kPenWidth; so digits of any size have one pen. Pictures: the tight box of the ink, made square
// (h x w from row top becomes `side` = max(h, w) from row top - floor((side - h) / 2), columns alike), is
// averaged by area to 20x20 and divided by its largest value. Both are centred by their mass. Source: NIST's
// procedure as documented by QMNIST (Yadav and Bottou, 2019); of MNIST's own images it changes nothing but
// the scale to full ink.
//
// Drawings of other things are prepared in the same way, for images of any side: 20 and the pen are then
// parts of 28 of it.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "nn/data/picture_ink.hpp"
#include "nn/data/screen.hpp"

namespace nn {

using DigitPicture = std::array<double, kDigitSide * kDigitSide>;  // (28, 28), 0 paper .. 1 full ink

struct Point {
  double x, y;  // x to the right, y down, in any unit; finite
};
using Stroke = std::vector<Point>;

struct Prepared {
  DigitPicture picture{};  // all 0 if nothing is drawn
  RejectReason reject = RejectReason::nothing_drawn;
};

namespace detail {
inline constexpr double kPenWidth = 2.75;      // pixels, of the 28
inline constexpr double kThinPenWidth = 1.25;  // keeps lines apart, to be screened, that the pen joins
inline constexpr std::ptrdiff_t kMaxStrokes = 8;

struct PointBox {
  Point low{HUGE_VAL, HUGE_VAL}, high{-HUGE_VAL, -HUGE_VAL};
  std::size_t points = 0;

  explicit PointBox(std::span<const Stroke> strokes) {
    for (const Stroke& stroke : strokes) {
      for (const Point& p : stroke) {
        assert(std::isfinite(p.x) && std::isfinite(p.y));
        low = {std::min(low.x, p.x), std::min(low.y, p.y)};
        high = {std::max(high.x, p.x), std::max(high.y, p.y)};
        ++points;
      }
    }
  }
  double extent() const { return std::max(high.x - low.x, high.y - low.y); }  // of the larger side
};

// Pixels of the side that the ink of a picture (side, side) fills: 20 of 28.
inline std::size_t box_of(std::size_t side) {
  return std::max<std::size_t>(1, (side * kDigitBox + kDigitSide / 2) / kDigitSide);
}

// (box, box) -> (side, side) by a whole-pixel shift that takes the centre of mass to the middle: of 28 pixels
// to an index in [13.5, 14.5). The 1e-6 keeps symmetric drawings, which are right on the edge, from jumping
// with the rounding.
inline void centre(std::span<const double> ink, std::size_t box, std::span<double> picture,
                   std::size_t side) {
  assert(ink.size() == box * box && picture.size() == side * side && box <= side);
  double mass = 0, row_moment = 0, col_moment = 0;
  for (std::size_t i = 0; i < ink.size(); ++i) {
    mass += ink[i];
    row_moment += static_cast<double>(i / box) * ink[i];
    col_moment += static_cast<double>(i % box) * ink[i];
  }
  const auto place = [&](double moment) {
    const double wanted = std::ceil(static_cast<double>(side - 1) / 2 - moment / mass - 1e-6);
    return static_cast<std::size_t>(std::clamp(wanted, 0.0, static_cast<double>(side - box)));
  };
  const std::size_t top = place(row_moment), left = place(col_moment);
  std::ranges::fill(picture, 0.0);
  for (std::size_t row = 0; row < box; ++row) {
    std::copy_n(&ink[row * box], box, &picture[(top + row) * side + left]);
  }
}

// Into `ink` (rows, cols), strokes with a round, anti-aliased pen: ink = clamp(radius + 0.5 - distance, 0, 1)
// where that is more than what is there. A stroke of one point is a dot. `placed` maps a point to pixels.
template <class Place>
void paint(std::span<const Stroke> strokes, double radius, Place placed, std::span<double> ink,
           std::size_t rows, std::size_t cols) {
  assert(ink.size() == rows * cols);
  const auto paint_segment = [&](Point start, Point end) {
    // The pixels, first and past the last, that the pen may touch.
    const auto reach = [&](double a, double b, std::size_t count) {
      const auto pixel = [&](double at) {
        return static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(count)));
      };
      return std::pair(pixel(std::floor(std::min(a, b) - radius - 1)),
                       pixel(std::ceil(std::max(a, b) + radius + 1)));
    };
    const auto [left, right] = reach(start.x, end.x, cols);
    const auto [top, bottom] = reach(start.y, end.y, rows);
    const double dx = end.x - start.x, dy = end.y - start.y, length2 = dx * dx + dy * dy;
    for (std::size_t row = top; row < bottom; ++row) {
      for (std::size_t col = left; col < right; ++col) {
        const double x = static_cast<double>(col) + 0.5 - start.x,
                     y = static_cast<double>(row) + 0.5 - start.y;
        const double along = length2 > 0 ? std::clamp((x * dx + y * dy) / length2, 0.0, 1.0) : 0.0;
        const double distance = std::hypot(x - along * dx, y - along * dy);
        double& there = ink[row * cols + col];
        there = std::max(there, std::clamp(radius + 0.5 - distance, 0.0, 1.0));
      }
    }
  };
  for (const Stroke& stroke : strokes) {
    for (std::size_t i = 0; i < stroke.size(); ++i) {
      if (i > 0 || stroke.size() == 1) paint_segment(placed(stroke[i > 0 ? i - 1 : 0]), placed(stroke[i]));
    }
  }
}

// The part of the `parts` equal parts of [start, start + side) that each of `count` pixels covers.
struct Share {
  std::size_t part, pixel;
  double weight;  // those of a part sum to 1 where all of it lies on the picture
};
inline std::vector<Share> shares(std::size_t count, double start, double side, std::size_t parts) {
  std::vector<Share> result;
  const double number = static_cast<double>(parts);
  for (std::size_t part = 0; part < parts; ++part) {
    const double from = start + static_cast<double>(part) * side / number;
    const double to = start + static_cast<double>(part + 1) * side / number;
    for (auto pixel = static_cast<std::size_t>(std::max(from, 0.0)); pixel < count; ++pixel) {
      const double low = static_cast<double>(pixel), covered = std::min(to, low + 1) - std::max(from, low);
      if (low >= to) break;
      if (covered > 0) result.push_back({part, pixel, covered * number / side});
    }
  }
  return result;
}
}  // namespace detail

// Strokes into a picture (side, side), with a round pen of `pen_width` pixels, of the 28, in the box that
// MNIST's digits fill: enlarged as if their larger side were at least `smallest`, in the points' unit. All 0
// if there is no point.
inline void draw(std::span<const Stroke> strokes, double pen_width, double smallest,
                 std::span<double> picture, std::size_t side) {
  std::ranges::fill(picture, 0.0);
  const detail::PointBox bounds(strokes);
  if (bounds.points == 0) return;
  const std::size_t box = detail::box_of(side);
  const double pixels = static_cast<double>(box), pen = pen_width * (static_cast<double>(side) / kDigitSide);
  const double extent = bounds.extent();
  const double scale = extent > 0 ? (pixels - pen) / std::max(extent, smallest) : 0.0;
  const auto placed = [&](Point p) {
    return Point{(p.x - (bounds.low.x + bounds.high.x) / 2) * scale + pixels / 2,
                 (p.y - (bounds.low.y + bounds.high.y) / 2) * scale + pixels / 2};
  };
  std::vector<double> ink(box * box);
  detail::paint(strokes, pen / 2, placed, ink, box, box);
  const bool is_empty = std::ranges::all_of(ink, [](double value) { return value == 0; });
  if (!is_empty) detail::centre(ink, box, picture, side);  // a dot may lie between the pixels of a small box
}

inline DigitPicture draw(std::span<const Stroke> strokes, double pen_width, double smallest = 0) {
  DigitPicture picture;
  draw(strokes, pen_width, smallest, picture, kDigitSide);
  return picture;
}

// Drawings made of points. `smallest`, in the points' unit (of the pen on screen, the width): a click with a
// trembling hand stays a dot and does not become a 1.
inline Prepared prepare_strokes(std::span<const Stroke> strokes, double smallest = 0) {
  const double extent = detail::PointBox(strokes).extent();
  const auto drawn = std::ranges::count_if(strokes, [](const Stroke& stroke) { return !stroke.empty(); });
  if (drawn == 0) return {};
  const RejectReason reject = extent <= smallest ? RejectReason::too_small
                              : drawn > detail::kMaxStrokes
                                  ? RejectReason::not_one_digit
                                  : screen(draw(strokes, detail::kThinPenWidth, smallest));
  return {draw(strokes, detail::kPenWidth, smallest), reject};
}

// A picture of any size becomes (side, side), 0 paper .. 1: the ink's box, made square, is averaged by area
// to 20/28 of `side`; its largest value is full ink. Returns the side of that square in pixels of `ink`, 0 if
// there is none.
inline std::size_t centre_ink(const Ink& ink, std::span<double> picture, std::size_t side) {
  assert(ink.values.size() == ink.rows * ink.cols && picture.size() == side * side);
  std::size_t top = ink.rows, bottom = 0, left = ink.cols, right = 0;  // of the ink's box
  for (std::size_t row = 0; row < ink.rows; ++row) {
    const double* const values = &ink.values[row * ink.cols];
    std::size_t first = 0, end = ink.cols;
    while (first < end && !(values[first] > 0)) ++first;
    while (end > first && !(values[end - 1] > 0)) --end;
    if (first == end) continue;
    top = std::min(top, row), bottom = row + 1;
    left = std::min(left, first), right = std::max(right, end);
  }
  if (bottom == 0) return 0;
  const std::size_t height = bottom - top, width = right - left, longer = std::max(height, width);

  const auto start = [&](std::size_t first, std::size_t size) {  // of the square, maybe beyond the picture
    return static_cast<double>(first) - static_cast<double>((longer - size) / 2);
  };
  const std::size_t box = detail::box_of(side);
  std::vector<double> lower(box * ink.cols);  // (box, cols)
  for (const auto& [part, row, weight] :
       detail::shares(ink.rows, start(top, height), static_cast<double>(longer), box)) {
    for (std::size_t col = left; col < right; ++col) {
      lower[part * ink.cols + col] += weight * ink.values[row * ink.cols + col];
    }
  }
  std::vector<double> small(box * box);
  for (const auto& [part, col, weight] :
       detail::shares(ink.cols, start(left, width), static_cast<double>(longer), box)) {
    for (std::size_t row = 0; row < box; ++row) {
      small[row * box + part] += weight * lower[row * ink.cols + col];
    }
  }
  const double full = *std::ranges::max_element(small);
  for (double& value : small) value /= full;
  detail::centre(small, box, picture, side);
  return longer;
}

// A picture of a digit.
inline Prepared prepare_ink(const Ink& ink) {
  Prepared result;
  const std::size_t side = centre_ink(ink, result.picture, kDigitSide), longer = std::max(ink.rows, ink.cols);
  if (side == 0) return result;
  const bool too_small = 32 * side < longer || (8 * side < longer && is_solid(result.picture));  // a dot
  result.reject = too_small               ? RejectReason::too_small
                  : has_lines_across(ink) ? RejectReason::lines_across
                                          : screen(result.picture);
  return result;
}

}  // namespace nn
