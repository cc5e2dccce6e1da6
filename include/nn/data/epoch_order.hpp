// The order of an epoch's images.
//
// A set is shuffled whole, as long as that is fast wherever it lies. From 1 GiB on, it may have to come from
// a disk, which gives single images far more slowly than many that are side by side: 75,000 a second here, or
// a million. So a large set is shuffled in two steps, by blocks and then within windows of many blocks, and
// a batch still comes from some five hundred places of the set. The order depends on the set's size only, not
// on where it lies.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/core/rng.hpp"

namespace nn {

struct ShuffleParts {
  std::size_t block;   // images side by side, which one read of the disk gives
  std::size_t window;  // images that are shuffled one by one, and lie in memory together
};

// Of that many images of so many bytes; window 0 if they are shuffled whole.
inline ShuffleParts shuffle_parts(std::size_t images, std::size_t image_size) {
  constexpr std::size_t kWhole = std::size_t{1} << 30, kBlock = 128 << 10, kWindow = 64 << 20;  // bytes
  if (images * image_size <= kWhole) return {1, 0};
  const std::size_t block = std::max<std::size_t>(1, kBlock / image_size);
  return {block, std::max<std::size_t>(1, kWindow / (block * image_size)) * block};
}

// Puts image numbers in the order of the next epoch: those of the last one shuffled once more, or, in parts,
// their blocks and then each window.
inline void shuffle(std::span<std::uint32_t> order, ShuffleParts parts, SimpleRng& rng) {
  if (parts.window == 0) return rng.shuffle(order);
  std::ranges::sort(order);
  std::vector<std::uint32_t> blocks((order.size() + parts.block - 1) / parts.block);  // their first positions
  for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<std::uint32_t>(i * parts.block);
  rng.shuffle(std::span(blocks));
  const std::vector<std::uint32_t> images(order.begin(), order.end());
  auto place = order.begin();
  for (const std::uint32_t first : blocks) {
    const std::size_t size = std::min(parts.block, images.size() - first);
    place = std::copy_n(images.begin() + first, size, place);
  }
  for (std::size_t i = 0; i < order.size(); i += parts.window) {
    rng.shuffle(order.subspan(i, std::min(parts.window, order.size() - i)));
  }
}

}  // namespace nn
