#include "nn/core/rng.hpp"

#include <array>
#include <numeric>
#include <vector>

#include "catch.hpp"

using nn::SimpleRng;

TEST_CASE("SimpleRng gives the known answers") {
  const auto first_four = [](std::uint64_t seed) {
    SimpleRng rng(seed);
    std::array<std::uint32_t, 4> values{};
    for (auto& v : values) v = rng.next_u32();
    return values;
  };
  CHECK(first_four(0) == std::array<std::uint32_t, 4>{3692787630, 1693511353, 2064109201, 811533580});
  CHECK(first_four(1) == std::array<std::uint32_t, 4>{0, 268452102, 2602468399, 4115985667});
  CHECK(first_four(42) == std::array<std::uint32_t, 4>{10, 2685053693, 2333292956, 674990334});
}

TEST_CASE("SimpleRng: floats and doubles come from the same draws") {
  SimpleRng integers(42), floats(42), doubles(42), floats_in_range(42);
  for (int i = 0; i < 1000; ++i) {
    const std::uint32_t u = integers.next_u32();
    const float f = floats.next_f32();
    REQUIRE(f == static_cast<float>(u >> 8) / 16777216.0f);
    REQUIRE(f < 1.0f);
    REQUIRE(doubles.next_f64() == u / 4294967296.0);
    const float r = floats_in_range.range(-0.5f, 0.25f);
    REQUIRE(r == -0.5f + 0.75f * f);
  }
}

TEST_CASE("shuffle is Fisher-Yates from the back") {
  SimpleRng rng(42);
  std::vector<std::uint32_t> order(10);
  std::iota(order.begin(), order.end(), 0u);
  rng.shuffle(std::span<std::uint32_t>(order));
  CHECK(order == std::vector<std::uint32_t>{3, 6, 1, 8, 9, 5, 7, 4, 2, 0});
}

TEST_CASE("shuffle of nothing and of one draws nothing") {
  SimpleRng rng(7), untouched(7);
  std::vector<int> none, one{5};
  rng.shuffle(std::span<int>(none));
  rng.shuffle(std::span<int>(one));
  CHECK(rng.state() == untouched.state());
}
