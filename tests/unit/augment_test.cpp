#include "nn/data/augment.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "catch.hpp"
#include "nn/core/instruction_set.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "plain_augment.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;

namespace {

using Image = std::vector<std::uint8_t>;

constexpr const char* kEverything = "shift=2,rotate=12,scale=0.12,shear=0.1,elastic=4:30";

Image random_image(std::size_t pixels, SimpleRng& rng) {
  Image image(pixels);
  for (std::uint8_t& p : image) p = static_cast<std::uint8_t>(rng.below(256));
  return image;
}

Image augmented(const Augmenter& augmenter, const Image& in, std::uint64_t key) {
  Image out(in.size());
  augmenter.apply(in, key, out);
  return out;
}

// Where the warp takes a pixel's grey from, displacements aside.
Warp::Vector source(const Warp& w, double x, double y) {
  return {w.origin.x + x * w.per_x.x + y * w.per_y.x, w.origin.y + x * w.per_x.y + y * w.per_y.y};
}

}  // namespace

TEST_CASE("augmentation is the plain bilinear sample within 1 grey level, equal for every instruction set") {
  SimpleRng rng(5);
  for (const char* options :
       {kEverything, "shift=3", "rotate=180", "scale=0.5,shear=1,shift=64", "elastic=0.5:300"}) {
    for (const auto& [rows, cols] :
         {std::pair<std::size_t, std::size_t>{28, 28}, {1, 1}, {3, 17}, {17, 3}, {33, 64}, {256, 255}}) {
      const Augmenter augmenter(parse_augment(options), rows, cols, 42);
      const std::uint64_t keys = rows * cols > 10000 ? 1 : 20;
      for (std::uint64_t key = 0; key < keys; ++key) {
        const Image in = random_image(rows * cols, rng);
        const Image plain = test::plain_warp(augmenter, augmenter.warp(key), in, rows, cols);
        Image first;
        for (const std::string& name : instruction_sets()) {
          use_instruction_set(name);
          INFO(options << ", " << rows << " x " << cols << ", " << name);
          const Image fast = augmented(augmenter, in, key);
          int worst = 0;
          for (std::size_t i = 0; i < in.size(); ++i) worst = std::max(worst, std::abs(fast[i] - plain[i]));
          REQUIRE(worst <= 1);
          if (first.empty()) first = fast;
          REQUIRE(fast == first);
        }
        use_instruction_set("");
      }
    }
  }
}

TEST_CASE("without options an image keeps its bytes, also through the kernel") {
  SimpleRng rng(6);
  const Image image = random_image(28 * 28, rng);
  CHECK(augmented(Augmenter({}, 28, 28, 1), image, 7) == image);
  AugmentOptions hardly;
  hardly.shift = 1e-12;
  CHECK(augmented(Augmenter(hardly, 28, 28, 1), image, 7) == image);
}

TEST_CASE("the result depends on seed and key alone: not on order, threads, or earlier images") {
  SimpleRng rng(7);
  const std::size_t size = 28 * 28, count = 200;
  const Image images = random_image(size * count, rng);
  const Augmenter augmenter(parse_augment(kEverything), 28, 28, 42);
  const auto image = [&](std::size_t i) {
    return std::span<const std::uint8_t>(images).subspan(i * size, size);
  };
  Image backwards(images.size());
  for (std::size_t i = count; i-- > 0;)
    augmenter.apply(image(i), i, std::span(backwards).subspan(i * size, size));
  for (const std::size_t threads : {1u, 2u, 3u}) {
    ThreadTeam team(threads);
    Image out(images.size());
    team.parallel_for(
        count, [&](std::size_t i) { augmenter.apply(image(i), i, std::span(out).subspan(i * size, size)); });
    REQUIRE(out == backwards);
  }

  Image in_place(image(0).begin(), image(0).end());
  augmenter.apply(in_place, 0, in_place);
  CHECK(std::ranges::equal(in_place, std::span(backwards).first(size)));
  const Image first(image(0).begin(), image(0).end());
  CHECK(augmented(augmenter, first, 1) != in_place);
  CHECK(augmented(Augmenter(parse_augment(kEverything), 28, 28, 43), first, 0) != in_place);
}

TEST_CASE("each option does what it says, up to its limit") {
  const double centre_x = 9.5, centre_y = 13.5;
  const auto extremes = [&](const char* options, auto measure) {
    const Augmenter augmenter(parse_augment(options), 28, 20, 3);
    double least = 1e9, most = -1e9, sum = 0;
    for (std::uint64_t key = 0; key < 4000; ++key) {
      const double value = measure(augmenter.warp(key));
      least = std::min(least, value);
      most = std::max(most, value);
      sum += value;
    }
    INFO(options << ": " << least << " to " << most);
    CHECK(std::abs(sum / 4000 - (least + most) / 2) < 0.02 * (most - least));  // uniform: about the middle
    return std::pair(least, most);
  };
  const auto check = [](std::pair<double, double> found, double least, double most) {
    CHECK(found.first == Approx(least).epsilon(0.002));
    CHECK(found.second == Approx(most).epsilon(0.002));
    CHECK((found.first >= least - 1e-9 && found.second <= most + 1e-9));
  };
  check(extremes("shift=2", [&](const Warp& w) { return centre_x - source(w, centre_x, centre_y).x; }), -2,
        2);
  check(extremes("shift=2", [&](const Warp& w) { return centre_y - source(w, centre_x, centre_y).y; }), -2,
        2);
  const auto degrees = [](const Warp& w) {  // a turned image's x axis points to (cos, sin), y down
    CHECK(std::hypot(w.per_x.x, w.per_x.y) == Approx(1));
    CHECK(w.per_x.x * w.per_y.x + w.per_x.y * w.per_y.y == Approx(0).margin(1e-12));
    return std::atan2(w.per_y.x, w.per_y.y) * 180 / std::numbers::pi;
  };
  check(extremes("rotate=12", degrees), -12, 12);
  check(extremes("scale=0.12", [](const Warp& w) { return 1 / w.per_x.x; }), 0.88, 1.12);
  check(extremes("scale=0.12", [](const Warp& w) { return 1 / w.per_y.y; }), 0.88, 1.12);
  check(extremes("shear=0.1", [](const Warp& w) { return -w.per_y.x; }), -0.1, 0.1);
  const auto area = [](const Warp& w) { return w.per_x.x * w.per_y.y - w.per_x.y * w.per_y.x; };
  check(extremes("shear=0.1,rotate=12,shift=2,elastic=4:30", area), 1, 1);

  const Augmenter all(parse_augment("rotate=180,scale=0.5,shear=1"), 28, 20, 3);
  for (std::uint64_t key = 0; key < 100; ++key) {
    const Warp::Vector from = source(all.warp(key), centre_x, centre_y);
    CHECK((from.x == Approx(centre_x) && from.y == Approx(centre_y)));  // the centre stays
  }
}

TEST_CASE("elastic displacements are smooth, as strong as the formula says, and differ from key to key") {
  const double sigma = 4, alpha = 30;
  const Augmenter augmenter(parse_augment("elastic=4:30"), 28, 28, 42);
  double squares = 0, steps = 0, across = 0;
  const std::size_t keys = 2000;
  for (std::uint64_t key = 0; key < keys; ++key) {
    const Warp w = augmenter.warp(key);
    const double x = augmenter.displacement(w, 0, 13, 13), y = augmenter.displacement(w, 1, 13, 13);
    const double step = augmenter.displacement(w, 0, 13, 14) - x;
    squares += x * x + y * y;
    steps += step * step;
    across += x * y;
  }
  const double n = static_cast<double>(keys);
  const double variance =
      alpha * alpha / (12 * std::numbers::pi * sigma * sigma);  // of noise blurred by 1/(4 pi sigma^2)
  CHECK(squares / (2 * n) == Approx(variance).epsilon(0.2));
  CHECK(steps / n == Approx(variance / (2 * sigma * sigma)).epsilon(0.25));  // the blurred field's slope
  CHECK(std::abs(across / n) < 0.1 * variance);
  CHECK(augmenter.displacement(augmenter.warp(1), 0, 5, 5) !=
        augmenter.displacement(augmenter.warp(2), 0, 5, 5));
}

TEST_CASE("--augment is read, and written as it is read") {
  const AugmentOptions all = parse_augment(kEverything);
  CHECK(all == AugmentOptions{2, 12, 0.12, 0.1, 4, 30});
  CHECK(to_text(all) == kEverything);
  CHECK(parse_augment("elastic=4:30,shear=0.1,scale=0.12,rotate=12,shift=2") == all);
  CHECK(parse_augment("rotate=7.5") == AugmentOptions{0, 7.5, 0, 0, 0, 0});
  CHECK(to_text(parse_augment("rotate=7.5")) == "rotate=7.5");
  CHECK(parse_augment("none") == AugmentOptions{});
  CHECK(to_text({}) == "none");
  CHECK_FALSE(parse_augment("shift=0,elastic=4:0").any());
  for (const char* one : {"shift=1", "rotate=1", "scale=0.1", "shear=0.1", "elastic=4:1"}) {
    CHECK(parse_augment(one).any());
    CHECK(parse_augment(to_text(parse_augment(one))) == parse_augment(one));
  }
}

TEST_CASE("a bad --augment is refused with what was found and expected") {
  const auto refusal = [](const char* text) { return test::error_of([&] { parse_augment(text); }); };
  CHECK(refusal("rotate=181") == "--augment: rotate is '181', expected 0 to 180 degrees");
  CHECK(refusal("scale=0.6") == "--augment: scale is '0.6', expected 0 to 0.5 of the size");
  CHECK(refusal("shift=-1") == "--augment: shift is '-1', expected 0 to 64 pixels");
  for (const char* bad :
       {"shift", "shift=", "shift=nan", "shift=inf", "shift=2px", "shift= 2", "shift=2 ", "shift=2=3"}) {
    CHECK_THAT(refusal(bad), contains("expected 0 to 64 pixels"));
  }
  CHECK(refusal("elastic=4") == "--augment: elastic is '4', expected SIGMA:ALPHA, as in 4:30");
  CHECK_THAT(refusal("elastic=0.1:30"), contains("sigma is '0.1', expected 0.5 to 16 pixels"));
  CHECK_THAT(refusal("elastic=4:301"), contains("alpha is '301', expected 0 to 300 pixels"));
  CHECK(refusal("shift=1,shift=2") == "--augment: found 'shift' twice, expected each part once");
  for (const char* bad : {"", "flip=1", "shift=2,", ",shift=2", "shift=2,none", "elastic's sigma=4"}) {
    CHECK_THAT(refusal(bad),
               contains("expected shift=N, rotate=N, scale=N, shear=N, elastic=SIGMA:ALPHA or none"));
  }
  CHECK_NOTHROW(Augmenter({}, 300, 300, 1));
  CHECK(test::error_of([] { Augmenter(parse_augment("shift=1"), 257, 28, 1); }) ==
        "--augment: images of 257 x 28 pixels, expected at most 256 x 256");
}
