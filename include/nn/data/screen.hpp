// Is this one digit at all? By its geometry, before a network is asked.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "nn/data/components.hpp"
#include "nn/data/thinning.hpp"

namespace nn {

enum class RejectReason {
  none,
  nothing_drawn,
  too_small,
  lines_across,
  not_one_digit,
  not_one_drawing,
  not_sure  // as the network itself says; all others are seen before
};

inline const char* to_text(RejectReason reason) {
  static constexpr std::array texts{"digit",
                                    "nothing drawn",
                                    "too small",
                                    "lines across the paper",
                                    "not a single digit",
                                    "not a single drawing",
                                    "not sure"};
  return texts[static_cast<std::size_t>(reason)];
}

inline constexpr std::size_t kDigitSide = 28;  // pixels of a prepared picture's side
inline constexpr std::size_t kDigitBox = 20;   // pixels of the side that the digit's ink fills

namespace detail {
inline constexpr double kInked = 0.5 - 1e-6;  // below a half, so that a half is inked with any rounding
inline constexpr std::size_t kSolid = 240;    // pixels of the 20x20
inline constexpr std::size_t kBusy = 370;     // of a sum that screen() defines
inline constexpr std::size_t kFlat = 2;       // times as wide as high

struct Extent {
  std::size_t top = kDigitSide, bottom = 0, left = kDigitSide, right = 0;  // [top, bottom) x [left, right)
  std::size_t pixels = 0;

  void add(const Run& run) {
    top = std::min(top, run.row), bottom = std::max(bottom, run.row + 1);
    left = std::min(left, run.first), right = std::max(right, run.end);
    pixels += run.end - run.first;
  }
};
}  // namespace detail

// A blot: more of the 20x20 is inked than in any digit. `picture` is (28, 28).
inline bool is_solid(std::span<const double> picture) {
  const auto inked = std::ranges::count_if(picture, [](double ink) { return ink > detail::kInked; });
  return static_cast<std::size_t>(inked) > detail::kSolid;
}

// A prepared picture, (28, 28) with ink, passes, or is not_one_digit, by limits that MNIST's digits keep:
//   solid         as above
//   busy          a scribble: 30 * ends + 40 * holes + crossings + inked pixels. Ends are those of the
//                 skeleton; holes are the connected parts of what is not inked, less one; crossings are the
//                 runs of ink in every row and every column
//   flat          a dash, or a row of digits
//   side by side  two connected parts of a tenth of the ink and half the height each are beside one another
// The weights of busy are those of a logistic regression of scribbles against training digits, rounded.
inline RejectReason screen(std::span<const double> picture) {
  assert(picture.size() == kDigitSide * kDigitSide);
  const Components inked = components(picture, kDigitSide, kDigitSide, detail::kInked);
  std::size_t crossings = inked.runs.size();  // of the rows
  for (std::size_t i = 0; i < picture.size(); ++i) {
    const bool begins = i < kDigitSide || !(picture[i - kDigitSide] > detail::kInked);
    crossings += picture[i] > detail::kInked && begins;
  }
  std::array<std::uint8_t, kDigitSide * kDigitSide> lines;
  std::array<double, kDigitSide * kDigitSide> paper;
  for (std::size_t i = 0; i < picture.size(); ++i) {
    lines[i] = picture[i] > detail::kInked;
    paper[i] = 1.0 - lines[i];
  }
  thin(lines, kDigitSide, kDigitSide);
  const std::size_t ends = line_ends(lines, kDigitSide, kDigitSide);
  const std::size_t holes = components(paper, kDigitSide, kDigitSide, 0).parts - 1;
  detail::Extent all;
  std::vector<detail::Extent> parts(inked.parts);
  for (const Run& run : inked.runs) {
    all.add(run);
    parts[run.part].add(run);
  }
  assert(all.pixels > 0);
  const std::size_t height = all.bottom - all.top, width = all.right - all.left;
  const bool busy = 30 * ends + 40 * holes + crossings + all.pixels > detail::kBusy;
  if (all.pixels > detail::kSolid || busy || width > detail::kFlat * height) {
    return RejectReason::not_one_digit;
  }
  std::erase_if(parts, [&](const detail::Extent& part) {
    return 10 * part.pixels < all.pixels || 2 * (part.bottom - part.top) < height;
  });
  std::ranges::sort(parts, {}, [](const detail::Extent& part) { return std::pair(part.left, part.right); });
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].left + 1 >= parts[i - 1].right) return RejectReason::not_one_digit;
  }
  return RejectReason::none;
}

// Whether a prepared picture (side, side) shows several drawings: two connected parts, each of at least a
// tenth of the pixels with ink, of which one is beside, above or below the other.
inline bool has_separate_parts(std::span<const double> picture, std::size_t side) {
  const Components inked = components(picture, side, side, 0);
  std::vector<detail::Extent> parts(inked.parts, {.top = side, .left = side});
  std::size_t pixels = 0;
  for (const Run& run : inked.runs) {
    parts[run.part].add(run);
    pixels += run.end - run.first;
  }
  std::erase_if(parts, [&](const detail::Extent& part) { return 10 * part.pixels < pixels; });
  const auto are_apart = [](const detail::Extent& a, const detail::Extent& b) {
    return a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
  };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (are_apart(parts[i], parts[j])) return true;
    }
  }
  return false;
}

}  // namespace nn
