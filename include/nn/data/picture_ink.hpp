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
#include "nn/data/png.hpp"

namespace nn {

struct Ink {
  std::size_t rows = 0, cols = 0;
  std::vector<double> values;  // (rows, cols), 0 paper .. 1
};

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

// Value number floor(part n / of) of the n sorted values.
inline double ranked(std::vector<double> values, std::size_t part, std::size_t of) {
  const auto rank = values.begin() + static_cast<std::ptrdiff_t>(part * values.size() / of);
  std::ranges::nth_element(values, rank);
  return *rank;
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
}  // namespace detail

// How far each pixel is from the paper, 0 where it differs by no more than noise does. What is ink, the
// darker or the lighter, is decided by the sum of the cubed differences: strokes are few and strong, shadows
// are large and weak. Connected parts with next to no ink are dust. Pictures of more than 1024 pixels a side
// become smaller. tools/drawing/picture_ink.py gives the steps in full and is the same in Python.
inline Ink ink_of(const GreyPicture& picture) {
  assert(picture.rows > 0 && picture.cols > 0 && picture.pixels.size() == picture.rows * picture.cols);
  Ink ink = detail::reduced_grey(picture);
  const auto [paper, noise] = detail::paper_and_noise(ink);
  const double limit = std::max(detail::kFaintestInk, detail::kNoiseFactor * noise);
  std::vector<double> x(ink.cols);
  for (std::size_t col = 0; col < ink.cols; ++col) x[col] = detail::across(col, ink.cols);
  double dark = 0, light = 0;  // sums of cubes
  for (std::size_t row = 0; row < ink.rows; ++row) {
    const double y = detail::across(row, ink.rows);
    for (std::size_t col = 0; col < ink.cols; ++col) {
      double& value = ink.values[row * ink.cols + col];
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
  for (double& value : ink.values) value = std::max(sign * value, 0.0);

  const auto [parts, runs] = components(ink.values, ink.rows, ink.cols, 0);
  const auto pixels = [&](const Run& run) {
    return std::span(ink.values).subspan(run.row * ink.cols + run.first, run.end - run.first);
  };
  std::vector<double> mass(parts);
  for (const Run& run : runs) {
    for (const double value : pixels(run)) mass[run.part] += value;
  }
  const double most = parts > 0 ? *std::ranges::max_element(mass) : 0;
  for (const Run& run : runs) {
    if (mass[run.part] < detail::kDust * most) std::ranges::fill(pixels(run), 0.0);
  }
  return ink;
}

}  // namespace nn
