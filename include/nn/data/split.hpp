// Holding images out: a part of the training set that only watches.
#pragma once

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include "nn/core/rng.hpp"
#include "nn/data/dataset.hpp"

namespace nn {

struct Split {
  std::vector<std::uint32_t> training, validation;  // image numbers, each in ascending order
};

namespace detail {

// The images of each class, shuffled with a generator of its own: the run's weights and order are those of a
// run that holds nothing out.
inline std::vector<std::vector<std::uint32_t>> shuffled_by_class(const Dataset& data, std::uint64_t seed) {
  std::vector<std::vector<std::uint32_t>> by_class(data.classes);
  for (std::uint32_t i = 0; i < data.size(); ++i) by_class[data.label(i)].push_back(i);
  SimpleRng rng(seed ^ 0x76616c6964617465u);
  for (std::vector<std::uint32_t>& images : by_class) rng.shuffle(std::span<std::uint32_t>(images));
  return by_class;
}

}  // namespace detail

// Holds out `count` images (0 <= count < size), of every class its share.
inline Split stratified_split(const Dataset& data, std::size_t count, std::uint64_t seed) {
  assert(count < data.size());
  Split split;
  std::size_t seen = 0, held_out = 0;
  for (const std::vector<std::uint32_t>& images : detail::shuffled_by_class(data, seed)) {
    seen += images.size();
    const std::size_t due = count * seen / data.size() - held_out;  // rounding errors do not add up
    held_out += due;
    const auto middle = images.begin() + static_cast<std::ptrdiff_t>(due);
    split.validation.insert(split.validation.end(), images.begin(), middle);
    split.training.insert(split.training.end(), middle, images.end());
  }
  std::ranges::sort(split.training);
  std::ranges::sort(split.validation);
  return split;
}

// Fold `index` of `count` of a cross-validation.
struct Fold {
  std::size_t index = 1, count = 0;  // 1 <= index <= count; count 0: no cross-validation
};

// As "2/5"; nothing if it is not one of kMaxFolds at most.
inline constexpr std::size_t kMaxFolds = 1000;
inline std::optional<Fold> parse_fold(std::string_view text) {
  Fold fold;
  const char* const end = text.data() + text.size();
  const auto [slash, no_index] = std::from_chars(text.data(), end, fold.index);
  if (no_index != std::errc() || slash == end || *slash != '/') return std::nullopt;
  const auto [last, no_count] = std::from_chars(slash + 1, end, fold.count);
  const bool is_fold = no_count == std::errc() && last == end && 2 <= fold.count && fold.count <= kMaxFolds &&
                       1 <= fold.index && fold.index <= fold.count;
  return is_fold ? std::optional(fold) : std::nullopt;
}

// Holds out one fold (2 <= fold.count <= size). The folds of a seed are disjoint, together all images, and
// alike: their sizes differ by at most 1, and so do the numbers of a class in them.
inline Split stratified_fold(const Dataset& data, Fold fold, std::uint64_t seed) {
  assert(1 <= fold.index && fold.index <= fold.count && fold.count <= data.size());
  Split split;
  std::size_t dealt = 0;  // in turn, as cards are
  for (const std::vector<std::uint32_t>& images : detail::shuffled_by_class(data, seed)) {
    for (const std::uint32_t image : images) {
      const bool is_held_out = dealt++ % fold.count == fold.index - 1;
      (is_held_out ? split.validation : split.training).push_back(image);
    }
  }
  std::ranges::sort(split.training);
  std::ranges::sort(split.validation);
  return split;
}

}  // namespace nn
