#include "nn/data/outliers.hpp"

#include <algorithm>
#include <set>
#include <span>
#include <vector>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace nn;

namespace {

constexpr std::size_t kCrosses = 50, kCrossPixels = kDigitSide * kDigitSide;

// Images of one size, all of class 0, with a cross each.
Dataset crosses(std::size_t rows, std::size_t cols, std::size_t classes) {
  Dataset data;
  data.images.count = kCrosses;
  data.images.rows = rows;
  data.images.cols = cols;
  data.images.bytes = Bytes(kCrosses * rows * cols);
  data.labels.bytes = Bytes(kCrosses);
  data.classes = classes;
  std::fill_n(data.labels.bytes.data(), kCrosses, std::uint8_t{0});
  for (std::size_t i = 0; i < kCrosses * rows * cols; ++i) {
    const std::size_t row = i / cols % rows, col = i % cols;
    const bool inside = row > 4 && row < 24 && col > 4 && col < 24;
    data.images.bytes.data()[i] = inside && (row / 2 == 7 || col / 2 == 7) ? 255 : 0;
  }
  return data;
}

std::vector<std::uint8_t> bytes(std::span<const std::uint8_t> of) {
  return {of.begin(), of.end()};
}

// The pixels with `count` outliers added to crosses.
std::vector<std::uint8_t> pixels_with_outliers(std::size_t count, std::uint64_t seed, std::size_t threads) {
  Dataset data = crosses(kDigitSide, kDigitSide, 10);
  ThreadTeam team(threads);
  add_outliers(data, count, seed, team);
  return bytes(data.images.pixels());
}

}  // namespace

TEST_CASE("outliers are a class of their own behind the images") {
  const Dataset before = crosses(kDigitSide, kDigitSide, 10);
  Dataset data = crosses(kDigitSide, kDigitSide, 10);
  ThreadTeam team(2);
  add_outliers(data, 200, 42, team);
  CHECK(data.size() == kCrosses + 200);
  CHECK(data.classes == 11);
  CHECK(data.labels.labels().size() == data.size());
  CHECK(std::ranges::equal(data.images.pixels().first(kCrosses * kCrossPixels), before.images.pixels()));
  for (std::size_t i = 0; i < data.size(); ++i) CHECK(data.label(i) == (i < kCrosses ? 0 : 10));
}

TEST_CASE("outliers are drawings in the box of digits, most of which the geometry alone refuses") {
  Dataset data = crosses(kDigitSide, kDigitSide, 10);
  ThreadTeam team(1);
  add_outliers(data, 400, 1, team);
  std::size_t refused = 0;
  for (std::size_t i = kCrosses; i < data.size(); ++i) {
    const std::span<const std::uint8_t> image = data.image(i);
    CHECK(*std::ranges::max_element(image) > 200);
    CHECK(std::ranges::count_if(image, [](std::uint8_t p) { return p > 0; }) <= 400);  // 20 x 20
    std::vector<double> picture(image.begin(), image.end());
    for (double& p : picture) p /= 255;
    refused += screen(picture) == RejectReason::not_one_digit;
  }
  CHECK(refused > 250);
}

TEST_CASE("which outliers they are depends on the seed, not on the threads") {
  const std::vector<std::uint8_t> alone = pixels_with_outliers(60, 7, 1);
  for (const std::size_t threads : {2u, 3u, 4u}) CHECK(pixels_with_outliers(60, 7, threads) == alone);
}

TEST_CASE("neighbouring seeds have no outlier in common") {
  const auto outliers = [](std::uint64_t seed) {
    const std::vector<std::uint8_t> pixels = pixels_with_outliers(60, seed, 2);
    std::set<std::vector<std::uint8_t>> images;
    for (std::size_t i = kCrosses; i < kCrosses + 60; ++i) {
      images.insert(bytes(std::span(pixels).subspan(i * kCrossPixels, kCrossPixels)));
    }
    return images;
  };
  const auto of_seed_7 = outliers(7), of_seed_8 = outliers(8);
  CHECK(of_seed_7.size() == 60);
  CHECK(of_seed_8.size() == 60);
  CHECK(std::ranges::none_of(of_seed_8, [&](const auto& image) { return of_seed_7.contains(image); }));
}

TEST_CASE("blank images make no strokes, and outliers of them are scribbles or blank") {
  Dataset data = crosses(kDigitSide, kDigitSide, 2);
  std::fill_n(data.images.bytes.data(), data.images.bytes.size(), std::uint8_t{0});
  ThreadTeam team(1);
  add_outliers(data, 100, 3, team);
  CHECK(data.classes == 3);
  const auto drawn = bytes(data.images.pixels().subspan(kCrosses * kCrossPixels));
  CHECK(std::ranges::count(drawn, 255) > 1000);
}

TEST_CASE("images that outliers cannot be added to") {
  ThreadTeam team(1);
  const auto refusal = [&](std::size_t rows, std::size_t cols, std::size_t classes) {
    Dataset data = crosses(rows, cols, classes);
    return test::error_of([&] { add_outliers(data, 10, 1, team); });
  };
  CHECK(refusal(28, 27, 10) == "--outliers: the images have 28 x 27 pixels, expected 28 x 28");
  CHECK(refusal(28, 28, 256) == "--outliers: there are 256 classes, expected at most 255");
  Dataset data = crosses(28, 28, 255);
  add_outliers(data, 10, 1, team);
  CHECK(data.classes == 256);
  CHECK(data.label(kCrosses) == 255);
}
