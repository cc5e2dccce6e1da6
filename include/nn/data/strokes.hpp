// Drawings made of strokes, to be added to a data set: outliers.hpp, redrawn.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/core/parallel.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/prepare.hpp"
#include "nn/data/thinning.hpp"
#include "nn/files/mapped_file.hpp"

namespace nn {

using Strokes = std::vector<Stroke>;

// Short strokes along the skeleton of a digit, (28, 28): x and y from 0 to 27.
inline Strokes skeleton(std::span<const std::uint8_t> image) {
  std::vector<std::uint8_t> lines(image.size());
  std::ranges::transform(image, lines.begin(), [](std::uint8_t ink) { return ink > 127; });
  thin(lines, kDigitSide, kDigitSide);
  Strokes strokes;
  const auto point = [](std::size_t row, std::size_t col) {
    return Point{static_cast<double>(col), static_cast<double>(row)};
  };
  for (std::size_t row = 0; row < kDigitSide; ++row) {
    for (std::size_t col = 0; col < kDigitSide; ++col) {
      const auto joined = [&](std::size_t r, std::size_t c) {
        if (r >= kDigitSide || c >= kDigitSide || lines[r * kDigitSide + c] == 0) return;
        strokes.push_back({point(row, col), point(r, c)});
      };
      if (lines[row * kDigitSide + col] == 0) continue;
      joined(row, col + 1), joined(row + 1, col - 1), joined(row + 1, col), joined(row + 1, col + 1);
    }
  }
  return strokes;
}

// Turns by `angle`, scales by `zoom` and moves by `by`, all about the origin.
inline void move(Strokes& strokes, double angle, double zoom, Point by) {
  const double cos = zoom * std::cos(angle), sin = zoom * std::sin(angle);
  for (Stroke& stroke : strokes) {
    for (Point& p : stroke) p = {cos * p.x - sin * p.y + by.x, sin * p.x + cos * p.y + by.y};
  }
}

inline void append(Strokes& strokes, const Strokes& others) {
  strokes.insert(strokes.end(), others.begin(), others.end());
}

struct LabelledDrawing {
  DigitPicture picture;
  std::uint8_t label;
};

// A copy in an array of `size` bytes, at least as many.
inline Bytes grown(const Bytes& bytes, std::size_t size) {
  Bytes copy(size);
  std::uint8_t* next = copy.data();
  for_parts(bytes, 0, [&](std::span<const std::uint8_t> part) { next = std::ranges::copy(part, next).out; });
  return copy;
}

// Adds `count` drawings behind the images, which are 28 x 28: artist(i), asked on any thread, for i < count.
// It may look at the images that were there before.
template <class Artist>
void add_drawings(Dataset& data, std::size_t count, ThreadTeam& team, const Artist& artist) {
  const std::size_t images = data.images.bytes.size(), labels = data.labels.bytes.size();
  data.images.bytes = grown(data.images.bytes, images + count * data.image_size());
  data.labels.bytes = grown(data.labels.bytes, labels + count);
  team.parallel_for(count, [&](std::size_t i) {
    const LabelledDrawing drawing = artist(i);
    std::ranges::transform(drawing.picture, data.images.bytes.data() + images + i * drawing.picture.size(),
                           [](double ink) { return static_cast<std::uint8_t>(std::lround(255 * ink)); });
    data.labels.bytes.data()[labels + i] = drawing.label;
  });
  data.images.count += count;
}

}  // namespace nn
