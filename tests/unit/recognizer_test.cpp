// nn/recognizer.h: the same answers as the library's, and a text for everything that can go wrong.
#include "nn/recognizer.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/files/model_files.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/network.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;

namespace {

constexpr const char* kMlp = "dense 12, relu, dense 10";
constexpr const char* kTransformer =
    "patches 7 8, position learned, residual(layer-norm, attention 2 projection), mean, dense 10";

using RecognizerHandle = std::unique_ptr<nn_recognizer, decltype(&nn_recognizer_free)>;

std::string model_bytes(const std::string& layers, const std::map<std::string, std::string>& metadata = {},
                        const Shape& input = {28, 28, 1}) {
  SimpleRng rng(5);
  const Network network = parse_network(layers, input, "test").build(rng);
  const test::TemporaryFolder folder;
  save_model(network, folder / "model.safetensors", metadata);
  return test::file_bytes(folder / "model.safetensors");
}

RecognizerHandle loaded(const std::string& bytes) {
  char error[NN_RECOGNIZER_ERROR_SIZE];
  RecognizerHandle r(nn_recognizer_load(bytes.data(), bytes.size(), "model", error, sizeof error),
                     nn_recognizer_free);
  CHECK(std::string(error) == "");
  REQUIRE(r);
  return r;
}

std::string load_error(const std::string& bytes) {
  char error[NN_RECOGNIZER_ERROR_SIZE];
  const RecognizerHandle r(nn_recognizer_load(bytes.data(), bytes.size(), "some file", error, sizeof error),
                           nn_recognizer_free);
  CHECK(!r);
  return error;
}

// A "7", and its mirror image.
const std::vector<double> kSeven{60, 40, 200, 40, 120, 240};

int ask(const RecognizerHandle& r, const std::vector<double>& points, nn_recognition& found) {
  const std::size_t length = points.size() / 2;
  return nn_recognizer_strokes(r.get(), points.data(), &length, 1, 20, &found);
}

}  // namespace

TEST_CASE("the recognizer answers as the network does") {
  const std::string layers = GENERATE(as<std::string>(), kMlp, kTransformer);
  const RecognizerHandle r = loaded(model_bytes(layers));
  CHECK(nn_recognizer_version() == NN_RECOGNIZER_VERSION);
  CHECK(nn_recognizer_classes(r.get()) == 10);
  CHECK(std::string(nn_recognizer_class_name(r.get(), 3)) == "3");
  CHECK(nn_recognizer_class_name(r.get(), 10) == nullptr);
  CHECK(nn_recognizer_rows(r.get()) == 28);
  CHECK(nn_recognizer_cols(r.get()) == 28);
  CHECK(nn_recognizer_network(r.get()) == layers);
  CHECK(nn_recognizer_threshold(r.get()) == 0.4);

  nn_recognition found;
  REQUIRE(nn_recognizer_set_threshold(r.get(), 0) == 0);
  REQUIRE(ask(r, kSeven, found) == 0);
  REQUIRE(found.status == NN_RECOGNIZED);
  CHECK(std::string(found.status_text) == "digit");
  REQUIRE(found.rows * found.cols == 784);

  SimpleRng rng(5);
  Network network = parse_network(layers, {28, 28, 1}, "test").build(rng);
  ThreadTeam team(1);
  const std::span<const std::uint8_t> pixels(found.pixels, 784);
  std::vector<float> p = log_probabilities({&network, 1}, {.size = 1, .pixels = pixels, .labels = {}}, team);
  for (float& v : p) v = std::exp(v);
  CHECK(std::equal(p.begin(), p.end(), found.probabilities));
  CHECK(static_cast<std::size_t>(found.label) == argmax(p));
  CHECK(std::string(found.name) == std::to_string(found.label));

  // The same image, as it is, and above a threshold that nothing reaches.
  const std::vector<std::uint8_t> copy(pixels.begin(), pixels.end());
  REQUIRE(nn_recognizer_set_threshold(r.get(), 1) == 0);
  REQUIRE(nn_recognizer_image(r.get(), copy.data(), 28, 28, &found) == 0);
  CHECK(std::equal(p.begin(), p.end(), found.probabilities));
  CHECK(found.status == NN_NOT_SURE);
  CHECK(found.label == -1);
  CHECK(found.name == nullptr);
}

TEST_CASE("an explanation is the slope of the log odds, and the attention") {
  const std::string layers =  // without kinks, on which finite differences go wrong
      GENERATE(as<std::string>(), "dense 12, gelu, dense 10", kTransformer,
               "conv 4 3x3, batch-norm, gelu, avg-pool 2, dense 10");
  const RecognizerHandle r = loaded(model_bytes(layers));
  nn_recognition found;
  nn_explanation why;
  CHECK(nn_recognizer_explain(r.get(), &why) == -1);
  CHECK_THAT(nn_recognizer_error(r.get()), contains("expected a recognised drawing"));

  REQUIRE(ask(r, kSeven, found) == 0);
  const std::vector<std::uint8_t> pixels(found.pixels, found.pixels + 784);
  const std::vector<float> before(found.probabilities, found.probabilities + 10);
  REQUIRE(nn_recognizer_explain(r.get(), &why) == 0);
  const std::vector<float> saliency(why.saliency, why.saliency + why.rows * why.cols);
  const auto label = static_cast<std::size_t>(why.label);
  CHECK(label == argmax(before));

  const auto log_odds = [&](std::size_t pixel, int change) {
    std::vector<std::uint8_t> other = pixels;
    other[pixel] = static_cast<std::uint8_t>(other[pixel] + change);
    REQUIRE(nn_recognizer_image(r.get(), other.data(), 28, 28, &found) == 0);
    const double p = static_cast<double>(found.probabilities[label]);
    return std::log(p / (1 - p));
  };
  double largest = 0;
  for (std::size_t pixel = 30; pixel < 784; pixel += 83) {
    const int up = pixels[pixel]<255, down = pixels[pixel]> 0;
    const double slope = (log_odds(pixel, up) - log_odds(pixel, -down)) * 255 / (up + down);
    largest = std::max(largest, std::abs(slope - static_cast<double>(saliency[pixel])));
  }
  CHECK(largest < 0.02);

  // Nothing of it stays behind.
  REQUIRE(nn_recognizer_image(r.get(), pixels.data(), 28, 28, &found) == 0);
  CHECK(std::equal(before.begin(), before.end(), found.probabilities));

  if (layers != kTransformer) {
    CHECK(why.attention == nullptr);
    return;
  }
  REQUIRE(nn_recognizer_explain(r.get(), &why) == 0);
  REQUIRE(why.heads == 2);
  REQUIRE(why.tokens == 16);
  CHECK(why.token_rows == 4);
  CHECK(why.token_cols == 4);
  for (std::size_t row = 0; row < why.heads * why.tokens; ++row) {
    const float* weights = why.attention + row * why.tokens;
    CHECK(std::abs(std::accumulate(weights, weights + why.tokens, -1.0f)) < 1e-5f);
  }
}

TEST_CASE("what is no digit is refused, and pictures are prepared") {
  const RecognizerHandle r = loaded(model_bytes(kMlp));
  nn_recognition found;
  REQUIRE(nn_recognizer_strokes(r.get(), nullptr, nullptr, 0, 20, &found) == 0);
  CHECK(found.status == NN_NOTHING_DRAWN);
  CHECK(found.probabilities == nullptr);
  CHECK(found.pixels != nullptr);
  REQUIRE(ask(r, {100, 100, 101, 100}, found) == 0);
  CHECK(found.status == NN_TOO_SMALL);
  CHECK(std::string(found.status_text) == "too small");

  std::vector<std::uint8_t> picture(100 * 80, 255);  // a vertical line
  for (std::size_t row = 20; row < 80; ++row)
    std::fill_n(picture.begin() + std::ptrdiff_t(row * 80 + 38), 5, 0);
  REQUIRE(nn_recognizer_set_threshold(r.get(), 0) == 0);
  REQUIRE(nn_recognizer_picture(r.get(), picture.data(), 100, 80, &found) == 0);
  CHECK(found.status == NN_RECOGNIZED);
  CHECK(std::count_if(found.pixels, found.pixels + 784, [](std::uint8_t p) { return p > 0; }) > 20);

  std::vector<std::uint8_t> ruled(300 * 400, 230);  // paper that is bent
  for (std::size_t col = 0; col < 400; ++col) {
    const double shift = 18 * std::sin(6.0 * static_cast<double>(col) / 399);
    for (double row = 20.5; row < 280; row += 40)
      ruled[static_cast<std::size_t>(row + shift) * 400 + col] = 128;
  }
  REQUIRE(nn_recognizer_picture(r.get(), ruled.data(), 300, 400, &found) == 0);
  CHECK(found.status == NN_LINES_ACROSS);
  CHECK(std::string(found.status_text) == "lines across the paper");
}

TEST_CASE("class names come from the model, and non-digits are none of the classes") {
  const RecognizerHandle r =
      loaded(model_bytes("dense 3", {{"class_names", R"(["one", "zwölf", "none of these"])"}}));
  CHECK(nn_recognizer_classes(r.get()) == 2);
  CHECK(std::string(nn_recognizer_class_name(r.get(), 1)) == "zwölf");
  CHECK_THAT(load_error(model_bytes("dense 3", {{"class_names", R"(["one"])"}})),
             contains("expected a JSON list of 3 names"));
}

TEST_CASE("pictures are prepared as the model says") {
  const auto prepared_as = [](const std::string& json) {
    return loaded(model_bytes("dense 3", {{"preparation", json}}, {10, 10, 1}));
  };
  std::vector<std::uint8_t> picture(20 * 20, 255);  // a line, beside the middle
  for (std::size_t row = 4; row < 16; ++row) picture[row * 20 + 4] = picture[row * 20 + 5] = 0;
  nn_recognition found;

  const RecognizerHandle drawings = prepared_as(R"({"preparation": "drawings"})");
  CHECK(std::string(nn_recognizer_preparation(drawings.get())) == "drawings");
  REQUIRE(nn_recognizer_set_threshold(drawings.get(), 0) == 0);
  REQUIRE(nn_recognizer_picture(drawings.get(), picture.data(), 20, 20, &found) == 0);
  CHECK(found.status == NN_RECOGNIZED);
  CHECK(std::string(found.status_text) == "recognised");
  CHECK(found.rows * found.cols == 100);
  REQUIRE(nn_recognizer_strokes(drawings.get(), nullptr, nullptr, 0, 20, &found) == 0);
  CHECK(found.status == NN_NOTHING_DRAWN);
  REQUIRE(ask(drawings, kSeven, found) == 0);
  CHECK(found.status == NN_RECOGNIZED);
  REQUIRE(ask(drawings, {100, 100, 101, 100}, found) == 0);
  CHECK(found.status == NN_TOO_SMALL);
  CHECK(std::count(found.pixels, found.pixels + 100, 0) < 100);  // a dot

  const RecognizerHandle pictures = prepared_as(R"({"preparation": "pictures", "invert": true})");
  REQUIRE(nn_recognizer_picture(pictures.get(), picture.data(), 20, 20, &found) == 0);
  CHECK(int{found.pixels[0]} == 0);
  CHECK(int{found.pixels[5 * 10 + 2]} == 191);  // where it was; three quarters of a triangle filter

  CHECK_THAT(load_error(model_bytes("dense 3", {{"preparation", "{}"}})), contains("preparation"));
}

TEST_CASE("drawings of other things are drawn as their pictures are prepared") {
  // Beside one another, a horizontal and a vertical line, 60 long, on a canvas of 200 x 100.
  const std::vector<double> points{20, 50, 80, 50, 150, 20, 150, 80};
  const std::vector<std::size_t> lengths{2, 2};
  const auto pixels_of = [&](const RecognizerHandle& r, nn_recognition& found) {
    REQUIRE(nn_recognizer_strokes(r.get(), points.data(), lengths.data(), 2, 10, &found) == 0);
    return std::vector<int>(found.pixels, found.pixels + found.rows * found.cols);
  };
  const auto model_of = [](const std::string& json) {
    return loaded(model_bytes("dense 3", {{"preparation", json}}, {56, 56, 1}));
  };
  nn_recognition found;

  const RecognizerHandle drawings = model_of(R"({"preparation": "drawings"})");
  const std::vector<int> drawn = pixels_of(drawings, found);
  CHECK(found.probabilities != nullptr);
  // 130 wide: in the box of 40 pixels with a pen of 5.5 of them, as a digit's twice as large.
  CHECK(std::count(drawn.begin(), drawn.end(), 255) > 100);
  std::size_t left = 56, right = 0;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    if (drawn[i] > 0) left = std::min(left, i % 56), right = std::max(right, i % 56);
  }
  CHECK(right - left + 1 == 40);
  pixels_of(model_of(R"({"preparation": "drawings", "single": true})"), found);
  CHECK(found.status == NN_NOT_ONE_DRAWING);
  CHECK(found.probabilities == nullptr);

  const RecognizerHandle pictures = model_of(R"({"preparation": "pictures", "invert": true})");
  CHECK(nn_recognizer_strokes(pictures.get(), points.data(), lengths.data(), 2, 10, &found) == -1);
  CHECK_THAT(nn_recognizer_error(pictures.get()), contains("nn_recognizer_set_canvas()"));
  CHECK(nn_recognizer_set_canvas(pictures.get(), -1, 100) == -1);
  REQUIRE(nn_recognizer_set_canvas(pictures.get(), 200, 100) == 0);
  const std::vector<int> seen = pixels_of(pictures, found);
  CHECK(found.status != NN_NOTHING_DRAWN);
  CHECK(seen[28 * 56 + 14] > 250);  // the middle of the first line, of the second, and between
  CHECK(seen[28 * 56 + 42] > 250);
  CHECK(seen[28 * 56 + 30] == 0);
  CHECK(seen[13 * 56 + 42] == 0);  // above the canvas, which is half as high as wide
  REQUIRE(nn_recognizer_strokes(pictures.get(), nullptr, nullptr, 0, 10, &found) == 0);
  CHECK(found.status == NN_NOTHING_DRAWN);
}

TEST_CASE("a picture is prepared without a model as with one") {
  std::vector<std::uint8_t> picture(60 * 50, 250);
  for (std::size_t row = 10; row < 50; ++row) std::fill_n(&picture[row * 50 + 22], 4, std::uint8_t{20});
  std::vector<std::uint8_t> prepared(28 * 28);
  char error[NN_RECOGNIZER_ERROR_SIZE];
  const auto prepare_as = [&](const char* preparation, std::size_t rows, std::size_t cols) {
    return nn_prepare_picture(preparation, picture.data(), 60, 50, prepared.data(), rows, cols, error,
                              sizeof error);
  };
  CHECK(prepare_as(R"({"preparation": "digits"})", 28, 28) == NN_RECOGNIZED);
  CHECK(std::string(error) == "");
  const RecognizerHandle r = loaded(model_bytes(kMlp));
  nn_recognition found;
  REQUIRE(nn_recognizer_picture(r.get(), picture.data(), 60, 50, &found) == 0);
  CHECK(std::equal(prepared.begin(), prepared.end(), found.pixels));

  CHECK(prepare_as(R"({"preparation": "pictures"})", 6, 5) == NN_RECOGNIZED);
  CHECK(int{prepared[0]} == 250);
  CHECK(prepare_as(R"({"preparation": "digits"})", 14, 14) == -1);
  CHECK_THAT(error, contains("found 14 x 14 pixels, expected 28 x 28"));
  CHECK(prepare_as(R"({"preparation": "drawings"})", 14, 28) == -1);
  CHECK_THAT(error, contains("expected a square"));
  CHECK(prepare_as("{}", 28, 28) == -1);
  CHECK_THAT(error, contains("expected how its pictures were prepared"));
}

TEST_CASE("several recognizers at once do not disturb one another") {
  const RecognizerHandle a = loaded(model_bytes(kMlp)), b = loaded(model_bytes(kTransformer));
  nn_recognition of_a, of_b;
  REQUIRE(ask(a, kSeven, of_a) == 0);
  const std::vector<float> p(of_a.probabilities, of_a.probabilities + 10);
  REQUIRE(ask(b, {40, 40, 200, 200, 40, 200}, of_b) == 0);
  CHECK(std::equal(p.begin(), p.end(), of_a.probabilities));
}

TEST_CASE("bad input is one line of text") {
  CHECK(load_error("") == "some file: is empty, expected a model file");
  CHECK_THAT(load_error("no model at all"), contains("not a model file"));
  const std::string whole = model_bytes(kMlp);
  for (const std::size_t size : {std::size_t{1}, std::size_t{8}, std::size_t{200}, whole.size() - 1}) {
    const std::string error = load_error(whole.substr(0, size));
    CHECK(error.starts_with("some file: "));
    CHECK(error.find('\n') == std::string::npos);
  }
  std::string with_nan = whole;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  with_nan.replace(with_nan.size() - sizeof nan, sizeof nan, reinterpret_cast<const char*>(&nan), sizeof nan);
  CHECK_THAT(load_error(with_nan), contains("NaN"));
  char tiny[8];
  CHECK(nn_recognizer_load("", 0, "häuser", tiny, 3) == nullptr);  // cut in the middle of "ä"
  CHECK(std::string(tiny) == "h");
  CHECK(nn_recognizer_load("", 0, nullptr, nullptr, 0) == nullptr);

  const RecognizerHandle r = loaded(whole);
  nn_recognition found;
  const auto error_of_strokes = [&](const std::vector<double>& points) {
    CHECK(ask(r, points, found) == -1);
    return std::string(nn_recognizer_error(r.get()));
  };
  const double inf = std::numeric_limits<double>::infinity();
  for (const double bad : {std::nan(""), inf, -inf, 1e300}) {
    CHECK_THAT(error_of_strokes({1, 2, 3, bad}), contains("coordinate"));
  }
  CHECK_THAT(error_of_strokes(std::vector<double>(2 * NN_RECOGNIZER_MAX_POINTS + 2)), contains("points"));
  CHECK(ask(r, kSeven, found) == 0);
  CHECK(std::string(nn_recognizer_error(r.get())) == "");

  const std::uint8_t pixel = 0;
  CHECK(nn_recognizer_picture(r.get(), &pixel, 0, 5, &found) == -1);
  CHECK(nn_recognizer_picture(r.get(), &pixel, std::size_t{1} << 40, std::size_t{1} << 40, &found) == -1);
  CHECK_THAT(nn_recognizer_error(r.get()), contains("pixels"));
  CHECK(nn_recognizer_image(r.get(), &pixel, 1, 1, &found) == -1);
  CHECK_THAT(nn_recognizer_error(r.get()), contains("28 x 28 pixels, as model takes"));
  for (const double bad : {-0.1, 1.1, std::nan("")}) CHECK(nn_recognizer_set_threshold(r.get(), bad) == -1);

  const RecognizerHandle small = loaded(model_bytes("dense 10", {}, {5, 7, 1}));
  CHECK(nn_recognizer_rows(small.get()) == 5);
  CHECK(ask(small, kSeven, found) == -1);
  CHECK_THAT(nn_recognizer_error(small.get()), contains("expected one for 28 x 28 pixels"));
}

TEST_CASE("float16 weights are read as the floats that they are") {
  const RecognizerHandle r = loaded(test::file_bytes(NN_SOURCE_DIR "/tests/golden/half.safetensors"));
  const std::vector<std::uint8_t> pixels{255, 0, 0, 0};
  nn_recognition found;
  REQUIRE(nn_recognizer_set_threshold(r.get(), 0) == 0);
  REQUIRE(nn_recognizer_image(r.get(), pixels.data(), 2, 2, &found) == 0);
  // Logits 1.5 and -2; tests/python/test_safetensors_models.py reads all of them.
  CHECK(found.probabilities[0] == Approx(1 / (1 + std::exp(-3.5))));
}
