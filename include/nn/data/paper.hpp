// Paper in a picture: where it ends, and the lines that are printed on it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace nn {

struct Ink {
  std::size_t rows = 0, cols = 0;
  std::vector<double> values;  // (rows, cols), 0 paper .. 1
};

namespace detail {
inline constexpr double kEdge = 0.12;  // of the way from black to white

// Value number floor(part n / of) of the n sorted values.
inline double ranked(std::vector<double> values, std::size_t part, std::size_t of) {
  const auto rank = values.begin() + static_cast<std::ptrdiff_t>(part * values.size() / of);
  std::ranges::nth_element(values, rank);
  return *rank;
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

// How many of the first rows, of which these are the medians, lie before an edge that is not of the paper's
// own: a table's, a shadow's.
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

// The paper's rows, from the first to before the second.
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

// The paper alone, without what lies beside it.
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
}  // namespace detail

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
