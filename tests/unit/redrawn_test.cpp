#include "nn/data/redrawn.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace nn;

namespace {

constexpr std::size_t kOnes = 20, kOnePixels = kDigitSide * kDigitSide;

// Bars, all of them ones.
Dataset ones(std::size_t rows = kDigitSide, std::size_t classes = 10) {
  Dataset data;
  data.images.count = kOnes;
  data.images.rows = rows;
  data.images.cols = kDigitSide;
  data.images.bytes = Bytes(kOnes * rows * kDigitSide);
  data.labels.bytes = Bytes(kOnes);
  data.classes = classes;
  std::fill_n(data.labels.bytes.data(), kOnes, std::uint8_t{1});
  for (std::size_t i = 0; i < kOnes * rows * kDigitSide; ++i) {
    const std::size_t row = i / kDigitSide % rows, col = i % kDigitSide;
    data.images.bytes.data()[i] = row > 4 && row < 24 && (col == 13 || col == 14) ? 255 : 0;
  }
  return data;
}

std::vector<std::uint8_t> redrawn_pixels(std::uint64_t seed, std::size_t threads) {
  Dataset data = ones();
  ThreadTeam team(threads);
  add_redrawn(data, 100, seed, team);
  const std::span<const std::uint8_t> added = data.images.pixels().subspan(kOnes * kOnePixels);
  return {added.begin(), added.end()};
}

}  // namespace

TEST_CASE("redrawn digits stand behind the images, with labels of their own") {
  const Dataset before = ones();
  Dataset data = ones();
  ThreadTeam team(2);
  add_redrawn(data, 1000, 42, team);
  CHECK(data.size() == kOnes + 1000);
  CHECK(data.classes == 10);
  CHECK(std::ranges::equal(data.images.pixels().first(kOnes * kOnePixels), before.images.pixels()));
  std::array<std::size_t, 10> counts{};
  for (std::size_t i = kOnes; i < data.size(); ++i) ++counts.at(data.label(i));
  for (std::size_t digit = 0; digit < 10; ++digit) {  // 500 ones from the images, 500 forms of all digits
    CHECK(counts[digit] > (digit == 1 ? 480u : 25u));
    CHECK(counts[digit] < (digit == 1 ? 620u : 80u));
  }
}

TEST_CASE("a redrawn digit is drawn with pens from thin to thick, in the box of digits") {
  Dataset data = ones();
  ThreadTeam team(2);
  add_redrawn(data, 1000, 1, team);
  std::vector<std::size_t> inked;  // pixels
  for (std::size_t i = kOnes; i < data.size(); ++i) {
    const std::span<const std::uint8_t> image = data.image(i);
    CHECK(*std::ranges::max_element(image) > 100);  // a thin line may lie between two pixels
    inked.push_back(static_cast<std::size_t>(std::ranges::count_if(image, [](auto p) { return p > 127; })));
  }
  CHECK(std::ranges::min(inked) < 25);
  CHECK(std::ranges::max(inked) > 150);
  CHECK(std::ranges::max(inked) <= 400);
}

TEST_CASE("every form is one drawing that a digit's geometry allows, or nearly") {
  std::size_t forms = 0, refused = 0;
  SimpleRng rng(7);
  for (const auto& of_digit : detail::read_forms()) {
    CHECK(of_digit.size() >= 2);
    for (const detail::Form& form : of_digit) {
      for (int time = 0; time < 20; ++time, ++forms) {
        const Strokes strokes = detail::written(form, rng);
        CHECK(strokes.size() == form.size());
        refused += prepare_strokes(strokes).reject != RejectReason::none;
      }
    }
  }
  CHECK(refused * 10 < forms);
}

TEST_CASE("which redrawn digits they are depends on the seed, not on the threads") {
  const std::vector<std::uint8_t> alone = redrawn_pixels(7, 1);
  for (const std::size_t threads : {2u, 3u}) CHECK(redrawn_pixels(7, threads) == alone);
  CHECK(redrawn_pixels(8, 1) != alone);
}

TEST_CASE("images that redrawn digits cannot be added to") {
  ThreadTeam team(1);
  const auto refusal = [&](Dataset data) { return test::error_of([&] { add_redrawn(data, 10, 1, team); }); };
  CHECK(refusal(ones(27)) == "--redrawn: 10 classes of 27 x 28 pixels, expected the ten digits in 28 x 28");
  CHECK(refusal(ones(28, 3)) == "--redrawn: 3 classes of 28 x 28 pixels, expected the ten digits in 28 x 28");
}
