#include "nn/layers/dropout.hpp"

#include <cmath>

#include "catch.hpp"
#include "instruction_sets.hpp"

using namespace nn;

namespace {

constexpr std::size_t kSamples = 200, kUnits = 300;

// (B, H), 0 or 1 / (1 - rate)
Floats mask(double rate, std::uint64_t seed, std::uint64_t step, std::size_t layer) {
  Floats m(kSamples * kUnits, 1.0f);
  DropoutMask(rate, seed, step, layer).apply(mat(m, kSamples, kUnits), 0);
  return m;
}

// How often two masks agree on dropping, as a share of all units.
double agreement(const Floats& a, const Floats& b) {
  double same = 0;
  for (std::size_t i = 0; i < a.size(); ++i) same += (a[i] == 0) == (b[i] == 0);
  return same / static_cast<double>(a.size());
}

}  // namespace

TEST_CASE("dropout drops its rate of every sample's and every unit's values, and scales the others") {
  for (const double rate : {0.1, 0.5, 0.9}) {
    const Floats m = mask(rate, 42, 1, 0);
    std::vector<double> of_sample(kSamples), of_unit(kUnits);
    double dropped = 0;
    for (std::size_t i = 0; i < m.size(); ++i) {
      if (m[i] != 0) REQUIRE(static_cast<double>(m[i]) == Approx(1 / (1 - rate)));
      dropped += m[i] == 0;
      of_sample[i / kUnits] += m[i] == 0;
      of_unit[i % kUnits] += m[i] == 0;
    }
    // Counts of a fair coin: within five deviations.
    const auto fair = [&](double count, std::size_t n) {
      const double expected = rate * static_cast<double>(n);
      return std::abs(count - expected) < 5 * std::sqrt(expected * (1 - rate));
    };
    CHECK(fair(dropped, m.size()));
    for (const double count : of_sample) CHECK(fair(count, kUnits));
    for (const double count : of_unit) CHECK(fair(count, kSamples));
  }
}

TEST_CASE("dropout's masks have nothing to do with one another") {
  const Floats m = mask(0.5, 42, 1, 0);
  CHECK(mask(0.5, 42, 1, 0) == m);
  const auto half = [](double share) {
    return std::abs(share - 0.5) < 5 * 0.5 / std::sqrt(kSamples * kUnits);
  };
  CHECK(half(agreement(m, mask(0.5, 43, 1, 0))));
  CHECK(half(agreement(m, mask(0.5, 42, 2, 0))));
  CHECK(half(agreement(m, mask(0.5, 42, 1, 1))));
  CHECK(half(agreement(mask(0.5, 42, 2, 0), mask(0.5, 42, 1, 1))));
  Floats next_sample = m, next_unit = m;
  std::rotate(next_sample.begin(), next_sample.begin() + kUnits, next_sample.end());
  std::rotate(next_unit.begin(), next_unit.begin() + 1, next_unit.end());
  CHECK(half(agreement(m, next_sample)));
  CHECK(half(agreement(m, next_unit)));
}

TEST_CASE("dropout of a block is that block of the whole") {
  const Floats whole = mask(0.3, 7, 5, 2);
  Floats parts(whole.size(), 1.0f);
  const DropoutMask dropout(0.3, 7, 5, 2);
  const Matrix m = mat(parts, kSamples, kUnits);
  for (const std::size_t first : {std::size_t{0}, std::size_t{64}, std::size_t{193}}) {
    const std::size_t count = (first == 0 ? 64 : first == 64 ? 193 : kUnits) - first;
    dropout.apply(columns(rows(m, 0, 11), first, count), 0, first);
    dropout.apply(columns(rows(m, 11, kSamples - 11), first, count), 11, first);
  }
  CHECK(parts == whole);
}

TEST_CASE("dropout does nothing at inference, nor at rate 0") {
  ThreadTeam team(1);
  const Floats x(kSamples * kUnits, 1.0f);
  const auto made = [&](double rate, bool training) {
    Floats y(x.size());
    Dropout(rate).forward(mat(x, kSamples, kUnits), mat(y, kSamples, kUnits), {team, training, 1});
    return y;
  };
  CHECK(made(0.9, false) == x);
  CHECK(made(0.0, true) == x);
  CHECK(made(0.9, true) != x);
}
