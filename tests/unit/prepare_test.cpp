#include "nn/data/prepare.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <span>
#include <sstream>
#include <string>
#include <utility>
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

// (28, 28), full ink in these rectangles: top, bottom, left, right.
RejectReason screened(const std::vector<std::array<std::size_t, 4>>& rectangles) {
  DigitPicture picture{};
  for (const auto& [top, bottom, left, right] : rectangles) {
    for (std::size_t row = top; row < bottom; ++row) {
      std::fill(&picture[row * 28 + left], &picture[row * 28] + right, 1.0);
    }
  }
  return screen(picture);
}

std::ptrdiff_t inked(const Ink& ink) {
  return std::ranges::count_if(ink.values, [](double value) { return value > 0; });
}

}  // namespace

// What is stored is of another implementation of the same steps, in numpy.
TEST_CASE("drawings are prepared as those that are stored") {
  std::ifstream golden(NN_SOURCE_DIR "/tests/golden/prepared.txt");
  std::size_t count = 0;
  while (const std::optional<Prepared> prepared = test::prepare_next(golden)) {
    INFO("case " << count);
    std::string status;
    DigitPicture expected;
    REQUIRE(golden >> std::quoted(status));
    for (double& value : expected) REQUIRE(golden >> value);
    CHECK(to_text(prepared->reject) == status);
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

TEST_CASE("the limits of what is one digit") {
  const auto passes = RejectReason::none, fails = RejectReason::not_one_digit;
  CHECK(screened({{4, 24, 4, 16}}) == passes);  // 240 pixels
  CHECK(screened({{4, 24, 4, 17}}) == fails);   // 260: solid
  CHECK(screened({{10, 20, 4, 24}}) == passes);
  CHECK(screened({{10, 19, 4, 24}}) == fails);                   // flat
  CHECK(screened({{4, 24, 4, 7}, {4, 24, 12, 15}}) == fails);    // side by side
  CHECK(screened({{4, 13, 4, 7}, {15, 24, 12, 15}}) == passes);  // less than half as high
  CHECK(screened({{4, 24, 4, 10}, {4, 16, 12, 13}}) == passes);  // less than a tenth of the ink
  CHECK(screened({{4, 12, 10, 14}, {14, 24, 10, 14}}) == passes);
  std::vector<std::array<std::size_t, 4>> comb{{4, 5, 4, 20}};
  for (std::size_t i = 0; i < 6; ++i) comb.push_back({4, 24, 4 + 3 * i, 5 + 3 * i});
  CHECK(screened(comb) == fails);  // six ends: busy
}

TEST_CASE("ink is averaged by area, and fills the box") {
  DigitPicture picture;
  CHECK(centre_ink({3, 1, {1, 0.5, 1}}, picture, 28) == 3);  // three rows into twenty: 20 / 3 of them each
  std::vector<double> column;
  for (std::size_t row = 4; row < 24; ++row) column.push_back(picture[row * 28 + 14]);
  for (std::size_t i = 0; i < 20; ++i) {
    const std::size_t from_end = std::min(i, 19 - i);
    const double expected = from_end < 6 ? 1 : from_end == 6 ? 2.0 / 3 + 1.0 / 6 : 0.5;
    CHECK(column[i] == Approx(expected).margin(1e-12));
  }
  for (const auto& [rows, cols] :
       {std::pair<std::size_t, std::size_t>{1, 1}, {3, 200}, {57, 13}, {333, 331}}) {
    centre_ink({rows, cols, std::vector<double>(rows * cols, 0.25)}, picture, 28);
    CHECK(*std::ranges::max_element(picture) == Approx(1));
    const Components found = components(picture, 28, 28, 0);
    CHECK(found.parts == 1);
    const std::size_t height = found.runs.back().row + 1 - found.runs.front().row;
    const std::size_t width = found.runs[height / 2].end - found.runs[height / 2].first;
    CHECK(std::max(height, width) == 20);
  }
}

TEST_CASE("the side in the shade is not ink, nor is dust") {
  GreyPicture shade{100, 100, std::vector<std::uint8_t>(10000, 204)};
  for (std::size_t row = 20; row < 80; ++row) {
    std::fill_n(&shade.pixels[row * 100 + 5], 35, std::uint8_t{217});  // large and weak
    std::fill_n(&shade.pixels[row * 100 + 60], 3, std::uint8_t{51});
  }
  CHECK(inked(ink_of(shade)) == 180);

  GreyPicture dusty{200, 200, std::vector<std::uint8_t>(40000, 255)};
  for (std::size_t row = 30; row < 170; ++row)
    std::fill_n(&dusty.pixels[row * 200 + 80], 40, std::uint8_t{0});
  std::fill_n(&dusty.pixels[180 * 200 + 10], 10, std::uint8_t{0});  // 10 of 5600 pixels
  CHECK(inked(ink_of(dusty)) == 5600);
  std::fill_n(&dusty.pixels[181 * 200 + 10], 10, std::uint8_t{0});  // a dot, as of an i
  CHECK(inked(ink_of(dusty)) == 5620);
}

TEST_CASE("the lines of bent paper are named, and what fills a picture stays") {
  GreyPicture bent{300, 400, std::vector<std::uint8_t>(300 * 400, 230)};
  for (std::size_t col = 0; col < 400; ++col) {
    for (double y = 20; y < 300; y += 40) {
      const double row = std::clamp(y + 18 * std::sin(6.0 * static_cast<double>(col) / 399), 0.0, 299.0);
      bent.pixels[static_cast<std::size_t>(row) * 400 + col] = 128;
    }
  }
  CHECK(has_lines_across(ink_of(bent)));
  CHECK(prepare_ink(ink_of(bent)).reject == RejectReason::lines_across);

  GreyPicture square{100, 100, std::vector<std::uint8_t>(10000, 0)};  // no sheet of paper
  for (std::size_t row = 20; row < 80; ++row)
    std::fill_n(&square.pixels[row * 100 + 20], 60, std::uint8_t{255});
  CHECK(inked(ink_of(square)) == 3600);
  GreyPicture hash{60, 60, std::vector<std::uint8_t>(3600, 255)};  // two lines each way: no squared paper
  for (const std::size_t at : {20u, 40u}) {
    for (std::size_t i = 0; i < 60; ++i) hash.pixels[at * 60 + i] = hash.pixels[i * 60 + at] = 0;
  }
  CHECK(inked(ink_of(hash)) == 236);
}
