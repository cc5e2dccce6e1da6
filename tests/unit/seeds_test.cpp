// A seed gives the same run with every compiler, C library and processor. Numbers of images are compared
// exactly; pictures by the sum of each quarter's bytes, as the last bit of a sine may move a byte by 1.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <span>
#include <vector>

#include "catch.hpp"
#include "mnist.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/augment.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/outliers.hpp"
#include "nn/data/split.hpp"
#include "nn/network.hpp"

using namespace nn;

namespace {

using Numbers = std::vector<std::uint32_t>;
using Quarters = std::array<int, 4>;  // left above, right above, left below, right below

Numbers first(const Numbers& numbers, std::ptrdiff_t count) {
  return {numbers.begin(), numbers.begin() + count};
}

// Of an image of (28, 28).
Quarters quarters(std::span<const std::uint8_t> image) {
  Quarters sums{};
  for (std::size_t i = 0; i < image.size(); ++i) {
    const std::size_t row = i / kDigitSide, col = i % kDigitSide;
    sums[2 * (row >= kDigitSide / 2) + (col >= kDigitSide / 2)] += image[i];
  }
  return sums;
}

void check_quarters(std::span<const std::uint8_t> image, const Quarters& expected) {
  const Quarters found = quarters(image);
  INFO(found[0] << ", " << found[1] << ", " << found[2] << ", " << found[3]);
  for (std::size_t q = 0; q < found.size(); ++q) CHECK(std::abs(found[q] - expected[q]) <= 3);
}

}  // namespace

TEST_CASE("a seed's shuffles, after the weights are drawn and from epoch to epoch") {
  SimpleRng rng(42);
  const Network network = Network::input(784).dense(512).relu().dense(10).build(rng);
  Numbers order(60'000);
  std::iota(order.begin(), order.end(), 0u);
  rng.shuffle(std::span(order));
  CHECK(first(order, 8) == Numbers{20040, 173, 46950, 2917, 51682, 53752, 16732, 36657});
  rng.shuffle(std::span(order));
  CHECK(first(order, 8) == Numbers{48410, 29175, 2027, 54388, 44059, 8332, 5188, 28633});
}

TEST_CASE("a seed's images held out for validation") {
  const Split split = stratified_split(test::mnist_images(), 1000, 42);
  CHECK(first(split.validation, 8) == Numbers{4, 14, 17, 37, 66, 83, 87, 88});
}

TEST_CASE("a seed's folds of a cross-validation") {
  const Split split = stratified_fold(test::mnist_images(), {2, 5}, 42);
  CHECK(first(split.validation, 8) == Numbers{10, 15, 18, 21, 25, 32, 34, 38});
}

TEST_CASE("a seed's outliers") {
  const std::vector<Quarters> expected{{7452, 9639, 11323, 9481},   {1036, 14250, 13419, 7575},
                                       {9083, 1669, 6993, 9357},    {6996, 9991, 10588, 9674},
                                       {6504, 13164, 11012, 11546}, {8114, 13206, 12033, 14293},
                                       {5969, 5111, 2830, 7517},    {6027, 7127, 9287, 5976}};
  Dataset data = test::load_mnist_images();
  const std::size_t digits = data.size();
  ThreadTeam team(1);
  add_outliers(data, expected.size(), 42, team);
  for (std::size_t i = 0; i < expected.size(); ++i) check_quarters(data.image(digits + i), expected[i]);
}

TEST_CASE("a seed's augmented images") {
  const std::vector<Quarters> expected{{4656, 5710, 6502, 3807},
                                       {3593, 10120, 17753, 7938},
                                       {355, 4080, 6599, 227},
                                       {15795, 9561, 9924, 6416}};
  const Dataset data = test::load_mnist_images();
  const Augmenter augmenter(parse_augment("shift=2,rotate=12,scale=0.12,shear=0.1,elastic=4:30"), kDigitSide,
                            kDigitSide, 42);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    std::vector<std::uint8_t> image(data.image_size());
    augmenter.apply(data.image(i), i, image);
    check_quarters(image, expected[i]);
  }
}
