#include "nn/data/thinning.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "catch.hpp"

using namespace nn;

namespace {

// '#' is ink. tests/python/test_thinning.py has the same drawings.
std::vector<std::uint8_t> drawing(const std::string& rows) {
  std::vector<std::uint8_t> ink;
  for (const char c : rows) ink.push_back(c == '#');
  return ink;
}

}  // namespace

TEST_CASE("strokes become their skeleton") {
  std::vector<std::uint8_t> letter = drawing(
      "#########"
      "#########"
      "#########"
      "...###..."
      "...###..."
      "...###..."
      "...###...");
  thin(letter, 7, 9);
  CHECK(letter == drawing("........."
                          ".######.."
                          "....#...."
                          "....#...."
                          "....#...."
                          "........."
                          "........."));
  CHECK(line_ends(letter, 7, 9) == 3);
}

TEST_CASE("a ring stays closed and has no ends, and a dot is one end") {
  std::vector<std::uint8_t> ring = drawing(
      "######"
      "######"
      "##..##"
      "##..##"
      "######"
      "######");
  thin(ring, 6, 6);
  CHECK(ring == drawing(".####."
                        "##..#."
                        "#...#."
                        "#...#."
                        "#####."
                        "......"));
  CHECK(line_ends(ring, 6, 6) == 0);

  std::vector<std::uint8_t> dot = drawing("....#....");
  thin(dot, 3, 3);
  CHECK(dot == drawing("....#...."));
  CHECK(line_ends(dot, 3, 3) == 1);
}
