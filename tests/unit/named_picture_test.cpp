#include "nn/data/named_picture.hpp"

#include <cmath>
#include <string>

#include "catch.hpp"
#include "nn/data/network_picture.hpp"
#include "nn/data/prepare.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;

namespace {

// Three images of 2 x 3 pixels: 0 1 2 ..., 6 7 8 ..., 12 13 14 ...
std::string small_idx() {
  std::string bytes("\0\0\x08\x03\0\0\0\x03\0\0\0\x02\0\0\0\x03", 16);
  for (char pixel = 0; pixel < 18; ++pixel) bytes += pixel;
  return bytes;
}

}  // namespace

TEST_CASE("IDXFILE:INDEX is an image of the file as it is") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "images";
  test::write_file(path, small_idx());
  NamedPictures pictures;
  const auto [last, is_image] = pictures.read(path + ":2");
  CHECK((last.rows == 2 && last.cols == 3 && is_image));
  CHECK(last.pixels == std::vector<std::uint8_t>{12, 13, 14, 15, 16, 17});
  CHECK(pictures.read(path + ":0").picture.pixels.front() == 0);

  const auto refusal = [&](const std::string& name) { return test::error_of([&] { pictures.read(name); }); };
  CHECK_THAT(refusal(path + ":3"), contains(":3: no such image, expected 0 to 2"));
  CHECK_THAT(refusal(path + ":99999999999999999999"), contains("no such image, expected 0 to 2"));
  CHECK_THAT(refusal(folder / "none:0"), contains("none: no such file"));
  CHECK_THAT(refusal(path + ":"), contains("images:: no such file"));
  CHECK_THAT(refusal(path + ":-1"), contains(":-1: no such file"));
  CHECK_THAT(refusal(path), contains("has no signature of PNG or JPEG"));
  CHECK_THAT(refusal(std::string(300, 'a') + ":1"), contains("a: cannot be read: "));

  NamedPictures turned(true);
  const GreyPicture first = turned.read(path + ":0").picture;
  CHECK((first.rows == 3 && first.cols == 2));
  CHECK(first.pixels == std::vector<std::uint8_t>{0, 3, 1, 4, 2, 5});
  CHECK(detail::idx_place("7.png") == std::nullopt);
}

TEST_CASE("a file whose name ends as IDXFILE:INDEX does is that file") {
  const test::TemporaryFolder folder;
  write_png(folder / "scan:3", {2, 2, {0, 9, 90, 255}});
  CHECK(NamedPictures().read(folder / "scan:3").picture.pixels == std::vector<std::uint8_t>{0, 9, 90, 255});
}

TEST_CASE("a picture is prepared as its model says") {
  GreyPicture one{60, 40, std::vector<std::uint8_t>(60 * 40, 250)};
  for (std::size_t row = 10; row < 50; ++row) {
    for (std::size_t col = 18; col < 22; ++col) one.pixels[row * 40 + col] = 20;
  }
  const GreyPicture blank{60, 40, std::vector<std::uint8_t>(60 * 40, 250)};
  const test::TemporaryFolder folder;
  write_png(folder / "one.png", one);
  const auto [read, is_image] = NamedPictures().read(folder / "one.png");
  CHECK((read.pixels == one.pixels && !is_image));

  const NetworkPicture prepared = prepare(one, {}, 28, 28);
  const Prepared expected = prepare_ink(ink_of(one));
  REQUIRE((prepared.rows == 28 && prepared.cols == 28 && prepared.pixels.size() == 784));
  for (std::size_t i = 0; i < 784; ++i) {
    REQUIRE(std::abs(prepared.pixels[i] - 255 * expected.picture[i]) < 0.5 + 1e-6);
  }
  CHECK(prepared.reject == RejectReason::none);
  CHECK(prepare(blank, {}, 28, 28).reject == RejectReason::nothing_drawn);

  const Preparation drawing{.kind = Preparation::Kind::drawings, .single = true};
  const NetworkPicture large = prepare(one, drawing, 64, 64);
  CHECK((large.rows == 64 && large.cols == 64 && large.reject == RejectReason::none));
  CHECK(prepare(blank, drawing, 64, 64).reject == RejectReason::nothing_drawn);

  const Preparation whole{.kind = Preparation::Kind::pictures, .invert = true};
  const NetworkPicture small = prepare(blank, whole, 6, 6);
  CHECK(small.pixels == std::vector<std::uint8_t>{0, 5, 5, 5, 5, 0, 0, 5, 5, 5, 5, 0, 0, 5, 5, 5, 5, 0,
                                                  0, 5, 5, 5, 5, 0, 0, 5, 5, 5, 5, 0, 0, 5, 5, 5, 5, 0});
  CHECK(small.reject == RejectReason::none);
}

TEST_CASE("a preparation is one JSON object and comes back from its text") {
  using Kind = Preparation::Kind;
  for (const Preparation& p : {Preparation{}, Preparation{.kind = Kind::drawings, .single = true},
                               Preparation{.kind = Kind::pictures, .invert = true}}) {
    CHECK(parse_preparation(to_text(p), "file") == p);
  }
  CHECK(parse_preparation(R"({"preparation": "drawings"})", "file") == Preparation{.kind = Kind::drawings});
  for (const char* text :
       {"", "7", "{}", R"({"preparation": 1})", R"({"preparation": "digits", "single": true})",
        R"({"preparation": "drawings", "single": "yes"})"}) {
    CHECK_THAT(test::error_of([&] { parse_preparation(text, "file"); }),
               contains("expected how its pictures were prepared"));
  }
}
