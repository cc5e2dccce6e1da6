// Outliers: drawings that are no single digit, from which a network learns what not to be sure of.
//
// A network trained on digits alone takes a scribble for the nearest digit, often with all confidence. Shown
// scribbles as a class of their own, it knows those, too, that are made in other ways.
// Source: "Deep Anomaly Detection with Outlier Exposure", Hendrycks, Mazeika and Dietterich, 2019; a class of
// their own instead of all classes as the target, as one layer of filters is too small for the latter.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/strokes.hpp"

namespace nn {

namespace detail {
class OutlierArtist {
 public:
  OutlierArtist(const Dataset& digits, std::uint64_t seed) : digits_(digits), rng_(seed) {}

  Strokes draw() {
    switch (rng_.below(4)) {
      case 0:
        return digits_side_by_side();
      case 1:
        return digits_over_one_another();
      case 2:
        return straight_scribble();
      default:
        return round_scribble();
    }
  }
  double pen_width() { return rng_.range(1.0, 3.0); }  // pixels of the 28

 private:
  Strokes some_digit() {
    Strokes strokes = skeleton(digits_.image(rng_.below(static_cast<std::uint32_t>(digits_.size()))));
    constexpr double kMiddle = kDigitSide / 2.0;
    move(strokes, 0, 1, {-kMiddle, -kMiddle});
    return strokes;
  }

  // Two or three, from almost touching to a pen's width and more apart.
  Strokes digits_side_by_side() {
    Strokes all;
    for (std::uint32_t left = 2 + rng_.below(4) / 3; left > 0; --left) {
      Strokes digit = some_digit();
      const double angle = rng_.range(-0.25, 0.25), zoom = rng_.range(0.8, 1.2);
      const double down = rng_.range(-4.0, 4.0);
      move(digit, angle, zoom, {0, down});
      const PointBox there(all), here(digit);
      if (there.points > 0 && here.points > 0) {
        move(digit, 0, 1, {there.high.x - here.low.x + rng_.range(2.0, 8.0), 0});
      }
      append(all, digit);
    }
    return all;
  }

  Strokes digits_over_one_another() {
    Strokes all;
    for (std::uint32_t left = 3 + rng_.below(3); left > 0; --left) {
      Strokes digit = some_digit();
      const double angle = rng_.range(-std::numbers::pi, std::numbers::pi), zoom = rng_.range(0.6, 1.2);
      const double right = rng_.range(-12.0, 12.0), down = rng_.range(-12.0, 12.0);
      move(digit, angle, zoom, {right, down});
      append(all, digit);
    }
    return all;
  }

  // Straight lines from place to place; the pen is lifted now and then, or never.
  Strokes straight_scribble() {
    Strokes all(1);
    const std::uint32_t lift = rng_.below(3);  // every second or third place; 0: never
    for (std::uint32_t left = 8 + rng_.below(24); left > 0; --left) {
      const double x = rng_.range(-1.0, 1.0), y = rng_.range(-1.0, 1.0);
      all.back().push_back({x, y});
      if (lift > 0 && left > 2 && all.back().size() > lift) all.emplace_back();
    }
    return all;
  }

  // Waves of several lengths in x and in y.
  Strokes round_scribble() {
    struct Wave {
      double height, turns, phase;
      double at(double t) const { return height * std::sin(2 * std::numbers::pi * (turns * t + phase)); }
    };
    const double most_turns = rng_.range(3.0, 9.0);
    std::array<Wave, 4> x, y;
    for (auto* waves : {&x, &y}) {
      for (Wave& w : *waves) {
        w.height = rng_.range(0.2, 1.0);
        w.turns = rng_.range(0.5, most_turns);
        w.phase = rng_.next_f64();
      }
    }
    const auto sum = [](const std::array<Wave, 4>& waves, double t) {
      double height = 0;
      for (const Wave& w : waves) height += w.at(t);
      return height;
    };
    Strokes all(1);
    for (int step = 0; step < 200; ++step) all[0].push_back({sum(x, step / 200.0), sum(y, step / 200.0)});
    return all;
  }

  const Dataset& digits_;
  SimpleRng rng_;
};
}  // namespace detail

// Adds `count` outliers behind the images, as a class of their own behind the classes. Which they are is a
// function of the images, their number and the seed. Throws Error if the images are not 28 x 28 or if labels,
// which are bytes, cannot name one more class.
inline void add_outliers(Dataset& data, std::size_t count, std::uint64_t seed, ThreadTeam& team) {
  if (data.images.rows != kDigitSide || data.images.cols != kDigitSide) {
    throw Error("--outliers", "the images have " + std::to_string(data.images.rows) + " x " +
                                  std::to_string(data.images.cols) + " pixels, expected 28 x 28");
  }
  if (data.classes == 256) throw Error("--outliers", "there are 256 classes, expected at most 255");

  const auto label = static_cast<std::uint8_t>(data.classes);
  add_drawings(data, count, team, [&](std::size_t i) {
    detail::OutlierArtist artist(data, item_seed(seed, i));
    const Strokes strokes = artist.draw();
    return LabelledDrawing{draw(strokes, artist.pen_width()), label};
  });
  data.classes += 1;
}

}  // namespace nn
