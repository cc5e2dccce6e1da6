#include "nn/layers/init.hpp"

#include <algorithm>
#include <cmath>

#include "catch.hpp"

using namespace nn;

namespace {

Tensor drawn(Init init, std::size_t in, std::size_t out, std::uint64_t seed = 42) {
  Tensor w("W", {in, out});
  SimpleRng rng(seed);
  draw_weights(w, init, in, out, rng);
  return w;
}

struct Moments {
  double mean = 0, deviation = 0, largest = 0, within_one = 0;  // share of values within one deviation
};
Moments moments(const Floats& values) {
  Moments m;
  const double n = static_cast<double>(values.size());
  for (const float v : values) m.mean += static_cast<double>(v) / n;
  for (const float v : values) m.deviation += std::pow(static_cast<double>(v) - m.mean, 2) / n;
  m.deviation = std::sqrt(m.deviation);
  for (const float v : values) {
    m.largest = std::max(m.largest, std::abs(static_cast<double>(v)));
    m.within_one += (std::abs(static_cast<double>(v) - m.mean) < m.deviation) / n;
  }
  return m;
}

}  // namespace

TEST_CASE("weights start with the spread that their init says") {
  const std::size_t in = 784, out = 256;
  const double noise = 5 / std::sqrt(static_cast<double>(in * out));  // of a mean, in deviations
  const auto uniform = [&](Init init, double limit) {
    const Moments m = moments(drawn(init, in, out).value);
    CHECK(std::abs(m.mean) < noise * m.deviation);
    CHECK(m.deviation == Approx(limit / std::sqrt(3.0)).epsilon(0.01));
    CHECK(m.largest <= limit * (1 + 1e-6));
    CHECK(m.within_one == Approx(1 / std::sqrt(3.0)).epsilon(0.01));
  };
  uniform(Init::xavier, std::sqrt(6.0 / (784 + 256)));
  uniform(Init::he, std::sqrt(6.0 / 784));

  const Moments m = moments(drawn(Init::normal, in, out).value);
  CHECK(std::abs(m.mean) < noise * m.deviation);
  CHECK(m.deviation == Approx(0.01).epsilon(0.01));
  CHECK(m.within_one == Approx(0.6827).epsilon(0.01));
  CHECK(m.largest > 0.04);
  CHECK(m.largest < 0.07);
}

TEST_CASE("normal weights take two draws for two values") {
  for (const std::size_t units : {4u, 5u}) {
    Tensor w("W", {1, units});
    SimpleRng rng(42), counted(42);
    draw_weights(w, Init::normal, 1, units, rng);
    for (std::size_t i = 0; i < (units + 1) / 2 * 2; ++i) counted.next_f64();
    CHECK(rng.next_f64() == counted.next_f64());
  }
}

TEST_CASE("normal weights come in pairs, one draw order for every size") {
  const Floats odd = drawn(Init::normal, 3, 3).value, even = drawn(Init::normal, 2, 5).value;
  CHECK(std::equal(odd.begin(), odd.end(), even.begin()));
  SimpleRng rng(42);
  const double radius = 0.01 * std::sqrt(-2 * std::log(1 - rng.next_f64()));
  CHECK(static_cast<double>(std::hypot(odd[0], odd[1])) == Approx(radius));
  CHECK(std::atan2(static_cast<double>(odd[1]), static_cast<double>(odd[0])) ==
        Approx(std::remainder(2 * std::acos(-1.0) * rng.next_f64(), 2 * std::acos(-1.0))));
}
