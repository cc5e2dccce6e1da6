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
inline constexpr double kEdge = 0.12;         // of the way from black to white

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

// A picture, or one turned about its diagonal: its columns as rows.
struct InkView {
  double* values;
  std::size_t rows, cols, row_step, col_step;

  double& at(std::size_t row, std::size_t col) const { return values[row * row_step + col * col_step]; }
};
inline InkView rows_of(Ink& ink) {
  return {ink.values.data(), ink.rows, ink.cols, ink.cols, 1};
}
inline InkView columns_of(Ink& ink) {
  return {ink.values.data(), ink.cols, ink.rows, 1, ink.cols};
}

// How many of the first rows, of which these are the medians, are no paper: a table or a shadow with an edge.
inline std::size_t edge(std::span<const double> levels) {
  const double paper = ranked({levels.begin(), levels.end()}, 1, 2);
  const std::size_t soft = std::max<std::size_t>(1, levels.size() / 64);
  for (std::size_t count = levels.size() / 4; count > soft; --count) {
    const double inside = levels[count];
    const bool is_edge = std::ranges::all_of(levels.first(count - soft), [&](double outside) {
      return std::abs(outside - inside) > kEdge && std::abs(outside - paper) > std::abs(inside - paper);
    });
    if (is_edge) return count;
  }
  return 0;
}

// The rows from the first to before the second are paper.
inline std::pair<std::size_t, std::size_t> paper_rows(const InkView& grey) {
  std::vector<double> levels;
  for (std::size_t row = 0; row < grey.rows; ++row) {
    std::vector<double> values;
    for (std::size_t col = 0; col < grey.cols; ++col) values.push_back(grey.at(row, col));
    levels.push_back(ranked(std::move(values), 1, 2));
  }
  const std::size_t top = edge(levels);
  std::ranges::reverse(levels);
  return {top, grey.rows - edge(levels)};
}

// Without the rows and columns at the sides that are no paper.
inline Ink paper_of(Ink& grey) {
  const auto [top, bottom] = paper_rows(rows_of(grey));
  const auto [left, right] = paper_rows(columns_of(grey));
  Ink paper{bottom - top, right - left, {}};
  for (std::size_t row = top; row < bottom; ++row) {
    const auto begin = grey.values.begin() + static_cast<std::ptrdiff_t>(row * grey.cols + left);
    paper.values.insert(paper.values.end(), begin, begin + static_cast<std::ptrdiff_t>(paper.cols));
  }
  return paper;
}

// Middle and length of the runs of ink in a column, those of at most `longest` pixels.
inline std::vector<std::pair<std::size_t, std::size_t>> short_runs(const InkView& ink, std::size_t col,
                                                                   std::size_t longest) {
  std::vector<std::pair<std::size_t, std::size_t>> runs;
  for (std::size_t row = 0; row < ink.rows; ++row) {
    if (!(ink.at(row, col) > 0)) continue;
    const std::size_t first = row;
    while (row < ink.rows && ink.at(row, col) > 0) ++row;
    if (row - first <= longest) runs.emplace_back((first + row - 1) / 2, row - first);
  }
  return runs;
}

// A line of ruled paper, from the first column to the last.
struct RuledLine {
  double from, to;       // rows
  std::ptrdiff_t reach;  // rows from its middle that it may take up
  double tone;           // its ink
  std::ptrdiff_t row(std::size_t col, std::size_t cols) const {
    const double way = (to - from) * static_cast<double>(col) / static_cast<double>(cols - 1);
    return static_cast<std::ptrdiff_t>(std::floor(from + way + 0.5));
  }
};

inline std::vector<RuledLine> ruled_lines(const InkView& ink) {
  std::vector<RuledLine> lines;
  if (ink.cols < 2) return lines;
  const std::size_t thickest = std::max<std::size_t>(2, ink.rows / 32);
  const auto last_runs = short_runs(ink, ink.cols - 1, thickest);
  for (const auto& [left, left_size] : short_runs(ink, 0, thickest)) {
    for (const auto& [right, right_size] : last_runs) {
      if (16 * (std::max(left, right) - std::min(left, right)) > ink.cols) continue;
      RuledLine line{static_cast<double>(left), static_cast<double>(right),
                     static_cast<std::ptrdiff_t>(std::max(left_size, right_size) / 2 + 1), 0};
      std::vector<double> tones(ink.cols);
      for (std::size_t col = 0; col < ink.cols; ++col) {
        for (std::ptrdiff_t near = -1; near <= 1; ++near) {
          const auto row = std::clamp<std::ptrdiff_t>(line.row(col, ink.cols) + near, 0,
                                                      static_cast<std::ptrdiff_t>(ink.rows) - 1);
          tones[col] = std::max(tones[col], ink.at(static_cast<std::size_t>(row), col));
        }
      }
      const auto inked = std::ranges::count_if(tones, [](double tone) { return tone > 0; });
      if (10 * static_cast<std::size_t>(inked) < 9 * ink.cols) continue;
      line.tone = ranked(std::move(tones), 1, 2);
      lines.push_back(line);
    }
  }
  return lines;
}

// Takes two or more of them out of `ink`, but where a stroke crosses them.
inline void remove_ruled_lines(Ink& ink, InkView (*view)(Ink&)) {
  const InkView after = view(ink);
  const std::vector<RuledLine> lines = ruled_lines(after);
  if (lines.size() < 2) return;
  Ink copy = ink;
  const InkView before = view(copy);
  const auto rows = static_cast<std::ptrdiff_t>(before.rows);
  const auto tone = [&](std::ptrdiff_t row, std::size_t col) {  // 0 outside of the picture
    return row >= 0 && row < rows ? before.at(static_cast<std::size_t>(row), col) : 0.0;
  };
  for (const RuledLine& line : lines) {
    for (std::size_t col = 0; col < before.cols; ++col) {
      const std::ptrdiff_t middle = line.row(col, before.cols);
      if (tone(middle - line.reach - 1, col) > 0 && tone(middle + line.reach + 1, col) > 0) continue;
      const std::ptrdiff_t end = std::min(middle + line.reach + 1, rows);
      for (std::ptrdiff_t row = std::max<std::ptrdiff_t>(middle - line.reach, 0); row < end; ++row) {
        if (tone(row, col) <= 1.5 * line.tone) after.at(static_cast<std::size_t>(row), col) = 0;
      }
    }
  }
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

// How far each pixel is from the paper, 0 where it differs by no more than noise does. Left out are: at the
// sides, what is no paper and what touches them beside a drawing; the lines of ruled or squared paper; dust.
// Pictures of more than 1024 pixels a side become smaller, others with such sides, too.
// tools/drawing/picture_ink.py gives the steps in full and is the same in Python.
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

// Whether ink begins at one side in three places or more and ends at the opposite side in as many: the lines
// of paper that is bent, or lies too much askew, for ink_of() to take them out.
inline bool has_lines_across(const Ink& ink) {
  const auto runs = [&](std::size_t first, std::size_t step, std::size_t count) {
    std::size_t begins = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const bool inked = ink.values[first + i * step] > 0;
      begins += inked && (i == 0 || !(ink.values[first + (i - 1) * step] > 0));
    }
    return begins;
  };
  const std::size_t rows = ink.rows, cols = ink.cols;
  return (runs(0, cols, rows) >= 3 && runs(cols - 1, cols, rows) >= 3) ||
         (runs(0, 1, cols) >= 3 && runs((rows - 1) * cols, 1, cols) >= 3);
}

}  // namespace nn
