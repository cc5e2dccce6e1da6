// The connected parts of a drawing.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace nn {

// Ink without a gap: columns [first, end) of a row, of the part `part`.
struct Run {
  std::size_t row, first, end, part;
};

struct Components {
  std::size_t parts = 0;
  std::vector<Run> runs;  // from top to bottom and left to right; parts are numbered as they come, from 0
};

// The runs of pixels above `paper` in a picture (rows, cols). Runs that touch, even at a corner, are of one
// part.
inline Components components(std::span<const double> picture, std::size_t rows, std::size_t cols,
                             double paper) {
  assert(picture.size() == rows * cols);
  std::vector<Run> runs;
  std::vector<std::size_t> parent;  // of each run: an earlier run of its part, or itself
  const auto root = [&](std::size_t run) {
    while (parent[run] != run) run = parent[run] = parent[parent[run]];
    return run;
  };
  std::size_t above = 0, above_end = 0;  // runs of the row before that may touch
  for (std::size_t row = 0; row < rows; ++row) {
    const std::span<const double> values = picture.subspan(row * cols, cols);
    const std::size_t row_begin = runs.size();
    for (std::size_t col = 0; col < cols;) {
      if (!(values[col] > paper)) {
        ++col;
        continue;
      }
      const std::size_t first = col, run = runs.size();
      while (col < cols && values[col] > paper) ++col;
      runs.push_back({row, first, col, 0});
      parent.push_back(run);
      while (above < above_end && runs[above].end < first) ++above;
      for (std::size_t i = above; i < above_end && runs[i].first <= col; ++i) {
        const auto [earlier, later] = std::minmax({root(i), root(run)});
        parent[later] = earlier;
      }
    }
    above = row_begin, above_end = runs.size();
  }
  std::size_t parts = 0;
  for (std::size_t run = 0; run < runs.size(); ++run) {  // a root comes before the rest of its part
    const std::size_t first = root(run);
    runs[run].part = first == run ? parts++ : runs[first].part;
  }
  return {parts, std::move(runs)};
}

}  // namespace nn
