// What a small network has learned, as a picture of characters.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <string>
#include <string_view>

#include "nn/xor_net.hpp"

namespace nn {

// The network's outputs for -0.25 <= x0, x1 <= 1.25, x0 to the right and x1 upwards, with a caption. At the
// samples' inputs, which are the corners of the unit square, stand their targets.
inline std::string decision_surface(const XorNet& net, const XorSamples& samples) {
  constexpr std::string_view shades = " .:-=+*#%@";
  constexpr int unit_rows = 12, unit_columns = 24;  // a character is about twice as high as wide
  constexpr int margin_rows = unit_rows / 4, margin_columns = unit_columns / 4;
  constexpr int rows = unit_rows + 2 * margin_rows + 1, columns = unit_columns + 2 * margin_columns + 1;

  std::string picture = "output over x0 (right) and x1 (up), from ' ' = 0 to '@' = 1, and the targets\n";
  const std::string border = "  +" + std::string(columns, '-') + "+\n";
  picture += border;
  for (int row = rows - 1; row >= 0; --row) {
    const double x1 = (row - margin_rows) / double{unit_rows};
    std::string line;
    for (int column = 0; column < columns; ++column) {
      const double o = net.predict((column - margin_columns) / double{unit_columns}, x1);
      assert(o >= 0 && o <= 1);
      const double shade = o * static_cast<double>(shades.size());
      line += shades[std::min(static_cast<std::size_t>(shade), shades.size() - 1)];
    }
    for (const XorSample& s : samples) {
      const std::size_t before = s.x0 > 0.5 ? margin_columns + unit_columns - 1 : margin_columns - 1;
      if (s.x1 == x1) line.replace(before, 3, s.y > 0.5 ? " 1 " : " 0 ");
    }
    const char tick = x1 == 0 ? '0' : x1 == 1 ? '1' : ' ';
    picture += tick + (" |" + line) + "|\n";
  }
  std::string ticks(3 + margin_columns + unit_columns + 1, ' ');
  ticks[3 + margin_columns] = '0';
  ticks.back() = '1';
  return picture + border + ticks + "\n";
}

}  // namespace nn
