// From a picture of a digit, dark on light or light on dark, drawn or photographed, to its ink.
#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "nn/data/components.hpp"
#include "nn/data/paper.hpp"
#include "nn/data/png.hpp"

namespace nn {

namespace detail {
inline constexpr std::size_t kLargestSide = 1024;  // pixels
inline constexpr double kFaintestInk = 0.02;       // of the way from black to white
inline constexpr double kNoiseFactor = 5.03;  // of Gaussian noise, 5.8 sigma; no tie between steps of 1/255
inline constexpr double kDust = 0.002;        // of the ink of the largest part

// (rows, cols) in [0, 1], 0 black; blocks of pixels become their mean if a side is longer than kLargestSide.
inline Ink reduced_grey(const GreyPicture& picture) {
  const std::size_t block = (std::max(picture.rows, picture.cols) + kLargestSide - 1) / kLargestSide;
  Ink grey{(picture.rows + block - 1) / block, (picture.cols + block - 1) / block, {}};
  if (block == 1) {  // most pictures: the loops below would be most of their time
    grey.values.resize(picture.pixels.size());
    std::ranges::transform(picture.pixels, grey.values.begin(), [](std::uint8_t p) { return p / 255.0; });
    return grey;
  }
  grey.values.reserve(grey.rows * grey.cols);
  for (std::size_t top = 0; top < picture.rows; top += block) {
    const std::size_t bottom = std::min(top + block, picture.rows);
    for (std::size_t left = 0; left < picture.cols; left += block) {
      const std::size_t right = std::min(left + block, picture.cols);
      std::uint64_t sum = 0;
      for (std::size_t row = top; row < bottom; ++row) {
        for (std::size_t col = left; col < right; ++col) sum += picture.pixels[row * picture.cols + col];
      }
      grey.values.push_back(static_cast<double>(sum) /
                            (255.0 * static_cast<double>((bottom - top) * (right - left))));
    }
  }
  return grey;
}

// A level that changes evenly over the picture.
struct Plane {
  double middle, rise, slope;  // from top to bottom by `rise`, from left to right by `slope`

  // `row` and `col` from -0.5 to 0.5.
  double at(double row, double col) const { return middle + rise * row + slope * col; }
};

// -0.5 .. 0.5 over `count` places, -0.5 for the only one.
inline double across(std::size_t index, std::size_t count) {
  return static_cast<double>(index) / static_cast<double>(std::max<std::size_t>(count, 2) - 1) - 0.5;
}

// |grey - paper| of three quarters of the border's pixels is at most this.
inline double border_noise(const Ink& grey, const Plane& paper) {
  std::vector<double> noise;
  const auto add = [&](std::size_t row, std::size_t col) {
    const double level = paper.at(across(row, grey.rows), across(col, grey.cols));
    noise.push_back(std::abs(grey.values[row * grey.cols + col] - level));
  };
  for (std::size_t col = 0; col < grey.cols; ++col) add(0, col), add(grey.rows - 1, col);
  for (std::size_t row = 0; row < grey.rows; ++row) add(row, 0), add(row, grey.cols - 1);
  return ranked(std::move(noise), 3, 4);
}

// The border is paper: its median, or a plane where that leaves clearly less noise.
inline std::pair<Plane, double> paper_and_noise(const Ink& grey) {
  std::vector<double> top, bottom, left, right;
  for (std::size_t col = 0; col < grey.cols; ++col) {
    top.push_back(grey.values[col]);
    bottom.push_back(grey.values[(grey.rows - 1) * grey.cols + col]);
  }
  for (std::size_t row = 0; row < grey.rows; ++row) {
    left.push_back(grey.values[row * grey.cols]);
    right.push_back(grey.values[(row + 1) * grey.cols - 1]);
  }
  const double t = ranked(top, 1, 2), b = ranked(bottom, 1, 2), l = ranked(left, 1, 2),
               r = ranked(right, 1, 2);
  for (const auto* side : {&bottom, &left, &right}) top.insert(top.end(), side->begin(), side->end());
  const Plane flat{ranked(top, 1, 2), 0, 0}, plane{(t + b + l + r) / 4, b - t, r - l};
  const double flat_noise = border_noise(grey, flat), plane_noise = border_noise(grey, plane);
  return plane_noise < 0.9 * flat_noise ? std::pair(plane, plane_noise) : std::pair(flat, flat_noise);
}

// How far each pixel of `grey` is from the paper, 0 where it differs by no more than noise does, and whether
// the border is noisy. What is ink, the darker or the lighter, is decided by the sum of the cubed
// differences: strokes are few and strong, shadows are large and weak.
inline std::pair<Ink, bool> darker_or_lighter(Ink grey) {
  const auto [paper, noise] = paper_and_noise(grey);
  const double limit = std::max(kFaintestInk, kNoiseFactor * noise);
  std::vector<double> x(grey.cols);
  for (std::size_t col = 0; col < grey.cols; ++col) x[col] = across(col, grey.cols);
  double dark = 0, light = 0;  // sums of cubes
  for (std::size_t row = 0; row < grey.rows; ++row) {
    const double y = across(row, grey.rows);
    for (std::size_t col = 0; col < grey.cols; ++col) {
      double& value = grey.values[row * grey.cols + col];
      value = paper.at(y, x[col]) - value;
      if (value > limit) {
        dark += value * value * value;
      } else if (value < -limit) {
        light -= value * value * value;
      } else {
        value = 0;
      }
    }
  }
  const double sign = dark >= light ? 1 : -1;
  for (double& value : grey.values) value = std::max(sign * value, 0.0);
  return {std::move(grey), limit > kFaintestInk};
}

// Takes out the connected parts that touch the picture's sides, if there is something else, and those with
// next to no ink.
inline void keep_drawing(Ink& ink) {
  const auto [parts, runs] = components(ink.values, ink.rows, ink.cols, 0);
  const auto pixels = [&](const Run& run) {
    return std::span(ink.values).subspan(run.row * ink.cols + run.first, run.end - run.first);
  };
  std::vector<double> mass(parts);
  std::vector<bool> touches(parts);
  for (const Run& run : runs) {
    for (const double value : pixels(run)) mass[run.part] += value;
    const bool at_side = run.row == 0 || run.row + 1 == ink.rows || run.first == 0 || run.end == ink.cols;
    if (at_side) touches[run.part] = true;
  }
  std::size_t top = ink.rows, bottom = 0, left = ink.cols, right = 0;  // of what does not touch them
  for (const Run& run : runs) {
    if (touches[run.part]) continue;
    top = std::min(top, run.row), bottom = std::max(bottom, run.row + 1);
    left = std::min(left, run.first), right = std::max(right, run.end);
  }
  if (bottom > 0 && 8 * std::max(bottom - top, right - left) >= std::max(ink.rows, ink.cols)) {
    for (std::size_t part = 0; part < parts; ++part) {
      if (touches[part]) mass[part] = -1;
    }
  }
  const double most = parts > 0 ? *std::ranges::max_element(mass) : 0;
  for (const Run& run : runs) {
    if (mass[run.part] < kDust * most) std::ranges::fill(pixels(run), 0.0);
  }
}
}  // namespace detail

// How far each pixel is from the paper, 0 where it differs by no more than noise does. Grey is 0 black to 1
// white. Of n sorted values the median is number floor(n / 2), the third quartile floor(3 n / 4), from 0.
//
//   1. size   if the longer side has more than kLargestSide pixels, blocks of k x k become their mean, k the
//             smallest whole number that is enough.
//   2. paper  is what the border is: its median, or, if that leaves less than 0.9 of the noise (3.), a plane,
//             for light that comes from one side. The plane's level is the mean of the four sides' medians;
//             it rises from left to right by right - left, and from top to bottom by bottom - top.
//   3. noise  the third quartile of |grey - paper| on the border. What differs from the paper by no more than
//             limit = max(kFaintestInk, kNoiseFactor noise) is paper; what differs by more keeps the whole
//             difference, so that soft edges stay.
//   4. ink    is darker than the paper or lighter: the side with the larger sum of cubes of the differences.
//   5. beside the paper: if limit is larger than kFaintestInk, a table's edge may lie in the picture. 2.
//   to 4.
//             are done again with paper_of(), unless nothing is drawn on that.
//   6. lines  of ruled or squared paper are left out, from left to right first, unless nothing else is there.
//   7. sides  connected parts that touch the picture's sides are left out if the others together are at least
//             an eighth of its longer side high or wide: a shadow or a finger beside a drawing.
//   8. dust   connected parts with less than kDust of the ink of the largest are left out.
inline Ink ink_of(const GreyPicture& picture) {
  assert(picture.rows > 0 && picture.cols > 0 && picture.pixels.size() == picture.rows * picture.cols);
  Ink grey = detail::reduced_grey(picture);
  auto [ink, is_noisy] = detail::darker_or_lighter(grey);
  const auto replace_unless_empty = [&ink = ink](Ink other) {
    if (std::ranges::any_of(other.values, [](double value) { return value > 0; })) ink = std::move(other);
  };
  if (is_noisy) replace_unless_empty(detail::darker_or_lighter(detail::paper_of(grey)).first);
  Ink rest = ink;
  detail::remove_ruled_lines(rest, detail::rows_of);
  detail::remove_ruled_lines(rest, detail::columns_of);
  replace_unless_empty(std::move(rest));
  detail::keep_drawing(ink);
  return ink;
}

}  // namespace nn
