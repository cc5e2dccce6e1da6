// Holding images out: a part of the training set that only watches.
#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "nn/core/rng.hpp"
#include "nn/data/dataset.hpp"

namespace nn {

struct Split {
  std::vector<std::uint32_t> training, validation;  // image numbers, each in ascending order
};

// Holds out `count` images (0 <= count < size), of every class its share, drawn with a generator of its own:
// the run's weights and order are those of a run that holds nothing out.
inline Split stratified_split(const Dataset& data, std::size_t count, std::uint64_t seed) {
  assert(count < data.size());
  std::vector<std::vector<std::uint32_t>> by_class(data.classes);
  for (std::uint32_t i = 0; i < data.size(); ++i) by_class[data.label(i)].push_back(i);
  SimpleRng rng(seed ^ 0x76616c6964617465u);
  Split split;
  std::size_t seen = 0, held_out = 0;
  for (std::vector<std::uint32_t>& images : by_class) {
    rng.shuffle(std::span<std::uint32_t>(images));
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

}  // namespace nn
