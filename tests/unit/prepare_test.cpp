#include "nn/data/prepare.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "prepared_cases.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;

namespace {

double largest_difference(const DigitPicture& a, const DigitPicture& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

// Dark strokes, 3 pixels wide, along the rows and columns of a rectangle, on white paper.
GreyPicture frame(std::size_t rows, std::size_t cols, std::size_t top, std::size_t left, std::size_t height,
                  std::size_t width) {
  GreyPicture picture{rows, cols, std::vector<std::uint8_t>(rows * cols, 255)};
  for (std::size_t row = 0; row < height; ++row) {
    for (std::size_t col = 0; col < width; ++col) {
      const bool edge = row < 3 || col < 3 || row + 3 >= height || col + 3 >= width;
      if (edge) picture.pixels[(top + row) * cols + left + col] = 0;
    }
  }
  return picture;
}

}  // namespace

TEST_CASE("drawings are prepared as in Python") {
  std::ifstream golden(NN_SOURCE_DIR "/tests/golden/prepared.txt");
  std::size_t count = 0;
  while (const std::optional<Prepared> prepared = test::prepare_next(golden)) {
    INFO("case " << count);
    std::string verdict;
    DigitPicture expected;
    REQUIRE(golden >> std::quoted(verdict));
    for (double& value : expected) REQUIRE(golden >> value);
    CHECK(to_text(prepared->reject) == verdict);
    CHECK(largest_difference(prepared->picture, expected) < 1e-6);
    ++count;
  }
  CHECK(count > 10);
}

TEST_CASE("the text of the golden drawings is checked") {
  const auto refusal = [](const std::string& text) {
    std::istringstream in(text);
    return test::error_of([&] { test::prepare_next(in); });
  };
  CHECK_THAT(refusal("letters 1"), contains("found letters, expected strokes or picture"));
  CHECK_THAT(refusal("picture 2 2 0 0 0"), contains("found no number"));
}

TEST_CASE("the place and the size of a drawing do not matter") {
  const Stroke seven{{0.05, 0.08}, {0.62, 0.04}, {0.25, 1}};
  const Prepared expected = prepare_strokes(std::span(&seven, 1));
  CHECK(expected.reject == RejectReason::none);
  for (const double size : {0.001, 33.3, 1e5}) {
    Stroke moved = seven;
    for (Point& p : moved) p = {p.x * size - 400, p.y * size + 70};
    CHECK(largest_difference(prepare_strokes(std::span(&moved, 1)).picture, expected.picture) < 1e-6);
  }
}

TEST_CASE("the ink is what differs from the paper, whichever is darker") {
  const GreyPicture dark = frame(50, 40, 7, 21, 30, 12);
  GreyPicture light = dark;
  for (std::uint8_t& pixel : light.pixels) pixel = static_cast<std::uint8_t>(255 - pixel);
  const Ink ink = ink_of(dark);
  CHECK(ink.values == ink_of(light).values);
  CHECK(std::ranges::count(ink.values, 1.0) == 30 * 12 - 24 * 6);
  CHECK(std::ranges::count(ink.values, 0.0) == 50 * 40 - (30 * 12 - 24 * 6));
  CHECK(prepare_ink(ink).reject == RejectReason::none);
}

TEST_CASE("noise and light from one side are paper, and so is dust") {
  const GreyPicture clean = frame(150, 110, 20, 40, 120, 60);
  GreyPicture photo = clean;
  for (std::size_t i = 0; i < photo.pixels.size(); ++i) {
    const std::size_t row = i / 110, col = i % 110, noise = i * 7919 % 5;
    photo.pixels[i] = static_cast<std::uint8_t>(row / 3 + col / 2 + noise + clean.pixels[i] / 2);
  }
  photo.pixels[145 * 110 + 5] = 0;  // a grain on the paper
  const Ink found = ink_of(photo), expected = ink_of(clean);
  std::size_t differing = 0;
  for (std::size_t i = 0; i < found.values.size(); ++i) {
    differing += (found.values[i] > 0) != (expected.values[i] > 0);
  }
  CHECK(differing == 0);
}

TEST_CASE("large pictures become smaller") {
  const Ink ink = ink_of(frame(2050, 1500, 300, 300, 1200, 900));
  CHECK((ink.rows == 684 && ink.cols == 500));
  CHECK(prepare_ink(ink).reject == RejectReason::none);
  CHECK(ink_of(frame(1024, 8, 2, 1, 9, 6)).rows == 1024);
}

TEST_CASE("what is not one digit is told") {
  CHECK(prepare_strokes({}).reject == RejectReason::nothing_drawn);
  CHECK(prepare_strokes(std::vector<Stroke>(3)).reject == RejectReason::nothing_drawn);
  CHECK(prepare_ink(Ink{}).reject == RejectReason::nothing_drawn);
  CHECK(prepare_ink(Ink{4, 5, std::vector<double>(20)}).reject == RejectReason::nothing_drawn);
  CHECK(prepare_strokes(std::vector<Stroke>{{{5, 5}}}).reject == RejectReason::too_small);
  CHECK(prepare_strokes(std::vector<Stroke>{{{5, 5}, {5, 24}}}, 20).reject == RejectReason::too_small);
  CHECK(prepare_strokes(std::vector<Stroke>{{{5, 5}, {5, 26}}}, 20).reject == RejectReason::none);
  CHECK(prepare_strokes(std::vector<Stroke>{{{5, 5}, {26, 5}}}, 20).reject == RejectReason::not_one_digit);
  CHECK(prepare_ink(ink_of(frame(200, 200, 10, 10, 6, 6))).reject == RejectReason::too_small);
  CHECK(prepare_ink(ink_of(frame(40, 40, 10, 10, 6, 6))).reject == RejectReason::not_one_digit);  // a blot
}
