#include "nn/data/components.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "nn/core/rng.hpp"

using namespace nn;

namespace {

// The definition: spread from each pixel to the eight around it. 0 paper, 1, 2, ... in the order of the
// pixels.
std::vector<std::size_t> plain_components(const std::vector<double>& picture, std::size_t rows,
                                          std::size_t cols, double paper) {
  std::vector<std::size_t> part(picture.size(), 0);
  std::size_t count = 0;
  for (std::size_t start = 0; start < picture.size(); ++start) {
    if (picture[start] <= paper || part[start] != 0) continue;
    part[start] = ++count;
    for (bool spreading = true; spreading;) {
      spreading = false;
      for (std::size_t i = 0; i < picture.size(); ++i) {
        for (std::size_t j = 0; j < picture.size(); ++j) {
          const std::size_t rows_apart = i / cols > j / cols ? i / cols - j / cols : j / cols - i / cols;
          const std::size_t cols_apart = i % cols > j % cols ? i % cols - j % cols : j % cols - i % cols;
          if (rows_apart <= 1 && cols_apart <= 1 && part[i] == count && picture[j] > paper && part[j] == 0) {
            part[j] = count;
            spreading = true;
          }
        }
      }
    }
  }
  REQUIRE(rows * cols == picture.size());
  return part;
}

}  // namespace

TEST_CASE("connected parts are those that spreading finds") {
  SimpleRng rng(1);
  for (const auto& [rows, cols] :
       {std::pair<std::size_t, std::size_t>{1, 1}, {1, 9}, {9, 1}, {7, 8}, {11, 13}}) {
    for (std::uint32_t percent = 0; percent <= 100; percent += 10) {
      std::vector<double> picture(rows * cols);
      for (double& pixel : picture) pixel = rng.below(100) < percent ? 0.75 : 0.25;
      const Components found = components(picture, rows, cols, 0.5);
      std::vector<std::size_t> part(picture.size(), 0);
      for (const Run& run : found.runs) {
        for (std::size_t col = run.first; col < run.end; ++col) part[run.row * cols + col] = run.part + 1;
      }
      CHECK(part == plain_components(picture, rows, cols, 0.5));
      CHECK(found.parts == *std::max_element(part.begin(), part.end()));
    }
  }
}

TEST_CASE("parts that meet further down are one") {
  const std::vector<double> rake{1, 0, 1, 0, 1, 0, 1,  //
                                 1, 0, 1, 0, 1, 0, 1,  //
                                 0, 1, 0, 0, 1, 1, 0,  //
                                 0, 0, 0, 0, 0, 0, 0,  //
                                 1, 1, 0, 1, 1, 1, 1};
  const Components found = components(rake, 5, 7, 0);
  CHECK(found.parts == 4);
  CHECK(found.runs.size() == 12);
  CHECK(components({}, 0, 0, 0).parts == 0);
}
