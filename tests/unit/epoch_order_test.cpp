#include "nn/data/epoch_order.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <set>
#include <span>
#include <vector>

#include "catch.hpp"

using namespace nn;

namespace {

// Every third number, as of a set of which the others are held out.
std::vector<std::uint32_t> images(std::size_t count) {
  std::vector<std::uint32_t> order(count);
  for (std::uint32_t i = 0; i < count; ++i) order[i] = 3 * i;
  return order;
}

}  // namespace

TEST_CASE("a set of up to 1 GiB is shuffled whole, each epoch from the last") {
  CHECK(shuffle_parts(60'000, 784).window == 0);
  CHECK(shuffle_parts(1 << 20, 1024).window == 0);
  std::vector<std::uint32_t> order = images(1000), expected = order;
  SimpleRng rng(7), same(7);
  for (int epoch = 0; epoch < 2; ++epoch) {
    shuffle(order, shuffle_parts(1000, 784), rng);
    same.shuffle(std::span(expected));
    CHECK(order == expected);
  }
}

TEST_CASE("a larger set is shuffled in blocks of 128 KiB and windows of 64 MiB") {
  const ShuffleParts parts = shuffle_parts(3'900'000, 784);
  CHECK(parts.block == 167);
  CHECK(parts.window == 85'504);
  const ShuffleParts large = shuffle_parts(20'000, 100'000);
  CHECK(large.block == 1);
  CHECK(large.window == 671);
  CHECK(shuffle_parts(2, std::size_t{1} << 30).window == 1);
}

TEST_CASE(
    "in parts, an epoch has every image once, blocks stay in a window, and no two epochs are the same") {
  const ShuffleParts parts{8, 80};
  const std::vector<std::uint32_t> all = images(1003);  // the last block has three images
  std::vector<std::uint32_t> order = all, before;
  SimpleRng rng(3);
  for (int epoch = 0; epoch < 3; ++epoch) {
    before = order;
    shuffle(order, parts, rng);
    CHECK(order != before);
    std::vector<std::uint32_t> sorted = order;
    std::ranges::sort(sorted);
    REQUIRE(sorted == all);
    std::size_t split = 0, neighbours = 0;  // blocks in two windows; images beside the next one of the set
    for (std::size_t w = 0; w < order.size(); w += parts.window) {
      std::set<std::uint32_t> blocks;
      const std::size_t end = std::min(order.size(), w + parts.window);
      for (std::size_t i = w; i < end; ++i) blocks.insert(order[i] / 3 / 8);
      split += blocks.size() - (end - w + 7) / 8;
      for (std::size_t i = w + 1; i < end; ++i) neighbours += order[i] == order[i - 1] + 3;
    }
    CHECK(split <= 13);       // after the short block, a block's end may lie in the next window
    CHECK(neighbours < 100);  // 988 of 1003 if windows were not shuffled
  }
}
