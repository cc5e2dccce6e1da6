// The skeleton of strokes, one pixel wide.
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace nn {

namespace detail {
// The eight pixels around one, clockwise from above; what is outside the picture is paper.
inline std::array<bool, 8> neighbours(std::span<const std::uint8_t> ink, std::size_t rows, std::size_t cols,
                                      std::size_t row, std::size_t col) {
  const auto at = [&](std::size_t r, std::size_t c) {  // 0 - 1 is past the end, too
    return r < rows && c < cols && ink[r * cols + c] != 0;
  };
  return {at(row - 1, col), at(row - 1, col + 1), at(row, col + 1), at(row + 1, col + 1),
          at(row + 1, col), at(row + 1, col - 1), at(row, col - 1), at(row - 1, col - 1)};
}
}  // namespace detail

// ink (rows, cols), 0 or 1, becomes lines that connect and enclose what it did.
// Zhang and Suen, "A fast parallel algorithm for thinning digital patterns", 1984.
inline void thin(std::span<std::uint8_t> ink, std::size_t rows, std::size_t cols) {
  assert(ink.size() == rows * cols);
  std::vector<std::size_t> edge;
  bool changed = true;
  while (changed) {
    changed = false;
    for (const bool from_south_east : {true, false}) {
      edge.clear();  // taken away together: whether a pixel is one depends on those that are there
      for (std::size_t i = 0; i < ink.size(); ++i) {
        if (ink[i] == 0) continue;
        const auto around = detail::neighbours(ink, rows, cols, i / cols, i % cols);
        std::size_t count = 0, begins = 0;
        for (std::size_t k = 0; k < 8; ++k) {
          count += around[k];
          begins += around[k] && !around[(k + 7) % 8];
        }
        const bool north = around[0], east = around[2], south = around[4], west = around[6];
        const bool inside =
            from_south_east ? east && south && (north || west) : north && west && (east || south);
        if (count >= 2 && count <= 6 && begins == 1 && !inside) edge.push_back(i);  // two: it connects them
      }
      for (const std::size_t i : edge) ink[i] = 0;
      changed = changed || !edge.empty();
    }
  }
}

// How many pixels of thinned lines have at most one other around them: a dot is one end.
inline std::size_t line_ends(std::span<const std::uint8_t> lines, std::size_t rows, std::size_t cols) {
  std::size_t ends = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i] == 0) continue;
    std::size_t count = 0;
    for (const bool there : detail::neighbours(lines, rows, cols, i / cols, i % cols)) count += there;
    ends += count <= 1;
  }
  return ends;
}

}  // namespace nn
