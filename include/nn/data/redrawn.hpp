// Redrawn digits: training digits with other pens, and forms of digits that MNIST hardly has.
//
// MNIST's writers were Americans with one kind of pen, scanned by one machine. Elsewhere a 1 has an upstroke
// as long as itself, a 7 is crossed, a 4 is open, and pens are thinner or much thicker.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <locale>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/strokes.hpp"

namespace nn {

namespace detail {
inline constexpr double kWidestPen = 6.5;  // pixels, of the 28

// A form per line: its digit, then strokes with a / between them; a stroke is the places x,y that the pen
// passes through, in percent of the height, y down; it turns sharply at a place with a !.
inline constexpr const char* kForms = R"(
0 35,0 8,20 0,50 8,82 35,100 62,82 70,50 62,20 35,0
0 50,0 15,15 0,50 15,85 50,100 85,85 100,50 85,15 50,0
0 30,0 5,20 0,50 5,80 30,100 55,80 60,50 55,20 30,0 / 65,5 -5,95
1 20,0 20,100
1 0,45 40,0! 40,100
1 0,30 30,0! 30,100
1 0,60 40,0! 35,100
1 5,20 25,0! 25,100 / 0,100 50,100
1 0,30 30,0! 30,100 / 5,100 60,100
1 0,0 5,100! 50,95
1 0,20 20,0! 20,100! 55,100
2 3,25 12,6 35,0 60,20 45,55 0,100! 70,100
2 5,20 30,0 58,20 40,60 12,97 2,85 20,80 40,95 70,92
2 0,10 30,0 55,10! 0,98! 60,98
3 3,12 30,0 55,20 20,46! 60,72 35,100 0,88
3 0,3 58,3! 22,40! 60,68 35,100 0,90
4 15,0 0,60! 65,60 / 48,25 42,100
4 30,0 0,68! 60,62 / 42,40 40,100
4 0,0 4,45 30,55 58,45 / 60,0 57,100
4 40,0 5,55 20,75 60,50 / 58,35 40,100
4 50,100 50,0! 0,66! 72,66
4 0,5 0,50! 60,50 / 50,0 50,100
5 60,0 10,0! 6,42! 35,36 60,60 50,92 20,100 0,90
5 10,0 6,42! 38,38 58,65 40,97 0,93 / 10,2 60,0
5 60,5 20,5 8,30 40,50 55,75 30,100 0,92
6 55,0 20,25 3,65 20,97 50,92 55,68 35,54 6,70
6 35,0 8,50 5,80 30,100 55,80 35,58 8,75
6 60,10 35,0 8,25 0,60 10,92 35,100 60,85 55,60 30,50 3,65
7 0,0 60,0! 20,100
7 0,2 60,0! 25,100 / 12,50 62,48
7 0,18 2,0! 62,0! 28,100 / 10,52 60,50
7 0,20 0,2! 60,0! 30,50 25,100
7 0,5 20,6 60,0! 35,45 25,100 / 8,48 60,48
8 56,12 30,0 8,20 30,46 60,75 30,100 0,76 30,48 55,24 48,6
8 30,0 6,22 30,46 54,22 30,0 / 30,46 0,74 30,100 60,74 30,46
9 55,20 30,0 3,25 28,50 55,25! 50,100
9 55,20 30,0 3,25 28,50 56,25! 55,70 40,95 10,98
9 55,30 30,52 3,30 25,0 55,20 50,60 20,100
9 52,22 28,0 3,25 28,48 55,25 50,75 30,98! 0,98
)";

struct Guide {
  double x, y;
  bool corner;
};

using Form = std::vector<std::vector<Guide>>;  // strokes

inline std::array<std::vector<Form>, 10> read_forms() {
  std::array<std::vector<Form>, 10> forms;
  std::istringstream lines(kForms);
  lines.imbue(std::locale::classic());
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    std::istringstream words(line.substr(1));
    Form form(1);
    for (std::string word; words >> word;) {
      double x = 0, y = 0;
      char comma = 0, corner = 0;
      if (word == "/") {
        form.emplace_back();
      } else if (std::istringstream place(word); place >> x >> comma >> y) {
        place >> corner;
        form.back().push_back({x / 100, y / 100, corner == '!'});
      }
    }
    forms[static_cast<std::size_t>(line[0] - '0')].push_back(std::move(form));
  }
  return forms;
}

// Smooth (Catmull-Rom) curves through the guides, 6 pieces from each to the next.
inline Stroke curve_through(std::span<const Guide> guides) {
  constexpr int kPieces = 6;
  Stroke stroke{{guides[0].x, guides[0].y}};
  for (std::size_t i = 0; i + 1 < guides.size(); ++i) {
    const Guide b = guides[i], c = guides[i + 1];
    const Guide a = i == 0 || b.corner ? b : guides[i - 1];
    const Guide d = i + 2 == guides.size() || c.corner ? c : guides[i + 2];
    for (int piece = 1; piece <= kPieces; ++piece) {
      const double t = static_cast<double>(piece) / kPieces;
      const auto along = [t](double p, double q, double r, double s) {
        return q + 0.5 * t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)));
      };
      stroke.push_back({along(a.x, b.x, c.x, d.x), along(a.y, b.y, c.y, d.y)});
    }
  }
  return stroke;
}

// A form as one hand writes it once: every place a little elsewhere, narrow or wide, slanted.
inline Strokes written(const Form& form, SimpleRng& rng) {
  const double width = rng.range(0.65, 1.4), slant = rng.range(-0.1, 0.35);
  Strokes strokes;
  for (std::vector<Guide> guides : form) {
    for (Guide& guide : guides) {
      const double x = guide.x + rng.range(-0.06, 0.06), y = guide.y + rng.range(-0.06, 0.06);
      guide = {x * width - slant * y, y, guide.corner};
    }
    strokes.push_back(curve_through(guides));
  }
  return strokes;
}

}  // namespace detail

// Adds `count` digits behind the images: half of them training digits again, written along their skeletons
// with a pen of 1 to 6.5 pixels, half forms that MNIST hardly has. Which they are is a function of the
// images, their number and the seed. Throws Error if the images are not 28 x 28 or the classes not ten.
inline void add_redrawn(Dataset& data, std::size_t count, std::uint64_t seed, ThreadTeam& team) {
  if (data.images.rows != kDigitSide || data.images.cols != kDigitSide || data.classes != 10) {
    throw Error("--redrawn", std::to_string(data.classes) + " classes of " +
                                 std::to_string(data.images.rows) + " x " + std::to_string(data.images.cols) +
                                 " pixels, expected the ten digits in 28 x 28");
  }
  const auto digits = static_cast<std::uint32_t>(data.size());
  const auto forms = detail::read_forms();
  add_drawings(data, count, team, [&](std::size_t i) {
    SimpleRng rng(item_seed(seed, i));
    const double pen =
        std::exp(rng.range(0.0, std::log(detail::kWidestPen)));  // as many of 1 to 2 as of 2 to 4
    if (rng.below(2) == 0) {
      const std::size_t sample = rng.below(digits);
      return LabelledDrawing{draw(skeleton(data.image(sample)), pen), data.label(sample)};
    }
    const auto digit = static_cast<std::uint8_t>(rng.below(10));
    const std::vector<detail::Form>& of_digit = forms[digit];
    const detail::Form& form = of_digit[rng.below(static_cast<std::uint32_t>(of_digit.size()))];
    return LabelledDrawing{draw(detail::written(form, rng), pen), digit};
  });
}

}  // namespace nn
