#include "nn/xor_net.hpp"

#include <cmath>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "decision_surface.hpp"
#include "instruction_sets.hpp"
#include "nn/fusions/xor_sgd.hpp"

using namespace nn;

namespace {

const XorSamples kXor = truth_table({0, 1, 1, 0});

// Every parameter, in the order of the file.
std::vector<double*> parameters(XorNet& net) {
  std::vector<double*> all;
  for (std::vector<double>* values : {&net.w1, &net.b1, &net.w2}) {
    for (double& value : *values) all.push_back(&value);
  }
  all.push_back(&net.b2);
  return all;
}

double max_difference(XorNet a, XorNet b) {
  const std::vector<double*> in_a = parameters(a), in_b = parameters(b);
  REQUIRE(in_a.size() == in_b.size());
  double largest = 0;
  for (std::size_t i = 0; i < in_a.size(); ++i) {
    const double difference = std::abs(*in_a[i] - *in_b[i]);
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

double half_squared_error(const XorNet& net, const XorSamples& samples) {
  double sum = 0;
  for (const auto& [x0, x1, y] : samples) {
    const double o = net.predict(x0, x1);
    sum += (y - o) * (y - o) / 2;
  }
  return sum;
}

void compare_with_plain(const XorSamples& samples, std::size_t hidden, double weights_scale,
                        std::size_t epochs, double rate, double tolerance) {
  INFO(hidden << " hidden units, rate " << rate);
  SimpleRng rng(hidden);
  XorNet fast(hidden, rng);
  for (double* p : parameters(fast)) *p *= weights_scale;
  XorNet plain = fast;
  const double fast_loss = train_fused(fast, samples, epochs, rate);
  const double plain_loss = train(plain, samples, epochs, rate);
  REQUIRE(std::abs(fast_loss - plain_loss) < tolerance);
  REQUIRE(max_difference(fast, plain) < tolerance);
}

}  // namespace

TEST_CASE("XorNet: the fusion equals the plain loops, with every instruction set of this machine") {
  test::with_every_instruction_set([] {
    for (const std::size_t hidden : {1u, 2u, 3u, 4u, 5u, 8u, 17u}) {
      compare_with_plain(kXor, hidden, 1, 1, 0.01, 1e-14);
      compare_with_plain(kXor, hidden, 1, 500, 0.1, 2e-13);
      compare_with_plain(kXor, hidden, 20, 500, 0.1, 1e-10);  // the sigmoids' flat ends
      for (const auto& [name, gate] : kGateNames) {
        INFO(name);
        compare_with_plain(truth_table(gate), hidden, 1, 500, 0.1, 1e-12);
        compare_with_plain(truth_table(gate), hidden, 1, 500, 3, 1e-10);  // moves too large for the series
      }
    }
    const XorSamples any_numbers = {{{0.3, -1.2, 0.9}, {-0.4, 0.7, 0.2}, {1.5, 0.1, 0.5}, {-2.0, -0.6, 0.0}}};
    compare_with_plain(any_numbers, 4, 1, 500, 0.05, 1e-11);
    compare_with_plain(any_numbers, 7, 1, 500, 2, 1e-10);
  });
}

TEST_CASE("XorNet: a rate too large gives the infinities and NaNs of the plain loops, no crash") {
  SimpleRng rng(1);
  XorNet net(4, rng);
  REQUIRE(std::isnan(train_fused(net, kXor, 10, INFINITY)));
}

TEST_CASE("XorNet: every gradient equals finite differences") {
  for (const std::size_t hidden : {1u, 4u, 6u}) {
    SimpleRng rng(3);
    XorNet net(hidden, rng), stepped = net;
    const double rate = 1e-7;  // so small that an epoch's four steps all start from the same place
    train(stepped, kXor, 1, rate);
    for (std::size_t i = 0; i < parameters(net).size(); ++i) {
      double& p = *parameters(net)[i];
      const double gradient = (p - *parameters(stepped)[i]) / rate;
      const double value = p, h = 1e-4;
      p = value + h;
      const double above = half_squared_error(net, kXor);
      p = value - h;
      const double below = half_squared_error(net, kXor);
      p = value;
      INFO("parameter " << i << " of " << hidden << " hidden units");
      REQUIRE(std::abs(gradient - (above - below) / (2 * h)) < 1e-7);
    }
  }
}

TEST_CASE("XorNet: intervals are as good as one run") {
  SimpleRng rng(42);
  XorNet whole(4, rng), intervals = whole;
  const double loss = train_fused(whole, kXor, 3000, 0.01);
  double last = 0;
  for (int i = 0; i < 30; ++i) last = train_fused(intervals, kXor, 100, 0.01);
  REQUIRE(std::abs(loss - last) < 1e-12);
  REQUIRE(max_difference(whole, intervals) < 1e-11);
}

TEST_CASE("XorNet: the reference losses of seed 42") {
  SimpleRng rng(42);
  XorNet net(4, rng), plain = net;
  const struct {
    std::size_t epochs;
    double loss;
  } reference[] = {{1'000, 0.250299725}, {10'000, 0.250287172}, {100'000, 0.016883552}};
  std::size_t done = 0;
  for (const auto& [epochs, loss] : reference) {
    REQUIRE(std::abs(train_fused(net, kXor, epochs - done, 0.01) - loss) < 1e-8);
    done = epochs;
  }
  train(plain, kXor, 100'000, 0.01);
  REQUIRE(max_difference(net, plain) < 1e-8);
}

TEST_CASE("XorNet: the gates are those of C++") {
  for (const bool a : {false, true}) {
    for (const bool b : {false, true}) {
      const std::size_t row = 2 * std::size_t{a} + std::size_t{b};
      const auto truth = [&](const char* gate) { return named(kGateNames, gate).value()[row] == 1; };
      REQUIRE(truth("xor") == (a != b));
      REQUIRE(truth("and") == (a && b));
      REQUIRE(truth("or") == (a || b));
      REQUIRE(truth("nand") == !(a && b));
      REQUIRE(truth("nor") == !(a || b));
      REQUIRE(truth("xnor") == (a == b));
    }
  }
}

TEST_CASE("XorNet: learns every gate of two inputs") {
  for (unsigned gate = 0; gate < 16; ++gate) {
    const auto truth = [&](unsigned row) { return gate >> row & 1 ? 1.0 : 0.0; };
    const XorSamples samples = truth_table({truth(0), truth(1), truth(2), truth(3)});
    SimpleRng rng(42);
    XorNet net(4, rng);
    REQUIRE(train_fused(net, samples, 20'000, 0.5) < 0.01);
    for (const auto& [x0, x1, y] : samples) REQUIRE(std::abs(net.predict(x0, x1) - y) < 0.1);
  }
}

TEST_CASE("decision_surface: every character says the output at its place, the targets are at the corners") {
  SimpleRng rng(42);
  XorNet net(4, rng);
  train_fused(net, kXor, 20'000, 0.5);
  std::istringstream lines(decision_surface(net, kXor));
  std::string line;
  std::getline(lines, line);
  REQUIRE(line == "output over x0 (right) and x1 (up), from ' ' = 0 to '@' = 1, and the targets");
  std::getline(lines, line);
  REQUIRE(line == "  +-------------------------------------+");
  for (int row = 18; row >= 0; --row) {
    std::getline(lines, line);
    std::string expected(row == 3 ? "0 |" : row == 15 ? "1 |" : "  |");
    for (int column = 0; column < 37; ++column) {
      const double o = net.predict(-0.25 + column / 24.0, (row - 3) / 12.0);
      expected += " .:-=+*#%@"[static_cast<std::size_t>(10 * o)];
    }
    if (row == 3) expected.replace(8, 3, " 0 ").replace(32, 3, " 1 ");
    if (row == 15) expected.replace(8, 3, " 1 ").replace(32, 3, " 0 ");
    REQUIRE(line == expected + "|");
  }
  std::getline(lines, line);
  REQUIRE(line == "  +-------------------------------------+");
  std::getline(lines, line);
  REQUIRE(line == "         0                       1");
  REQUIRE(!std::getline(lines, line));
}

TEST_CASE("decision_surface: outputs of exactly 0 and 1 have their shades") {
  SimpleRng rng(1);
  XorNet net(1, rng);
  net.w2 = {0};
  for (const auto& [b2, shade] : {std::pair{-1e4, ' '}, {0.0, '+'}, {1e4, '@'}}) {
    net.b2 = b2;
    const std::string picture = decision_surface(net, kXor);
    REQUIRE(picture.find("  |" + std::string(37, shade) + "|\n") != std::string::npos);
  }
}
