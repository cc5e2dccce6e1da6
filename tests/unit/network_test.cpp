// Networks as text, as JSON and by the builder: the same list of layers; and what is refused.
#include "nn/network.hpp"

#include <cmath>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "gradient_check.hpp"
#include "nn/core/error.hpp"
#include "nn/layers/all_layers.hpp"
#include "temporary_folder.hpp"

using namespace nn;

namespace {

const Shape kImage{28, 28, 1};

std::string refusal(const std::string& text, const Shape& input = kImage) {
  try {
    parse_network(text, input, "--layers").build();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

std::string json_refusal(const std::string& text) {
  try {
    network_of_json(nlohmann::json::parse(text), "model").build();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("text, JSON and builder say the same networks") {
  SimpleRng rng(1);
  const auto same = [&](const std::string& text, Network built) {
    CHECK(built.text() == text);
    const Network parsed = parse_network(text, built.input_shape(), "--layers").build();
    CHECK(parsed.text() == text);
    CHECK(parsed.json() == built.json());
    CHECK(network_of_json(built.json(), "model").build().json() == built.json());
  };
  same("conv 16 3x3, relu, max-pool 2, batch-norm, conv 8 5x5 stride 2 valid, gelu, dropout 0.25, dense 10",
       Network::input(28, 28)
           .conv2d(16, 3)
           .relu()
           .max_pool(2)
           .batch_norm()
           .conv2d(8, 5, 2, true)
           .gelu()
           .dropout(0.25)
           .dense(10)
           .build(rng));
  same("dense 64, leaky-relu, dense 32, sigmoid, dense 16, tanh, layer-norm, dense 2", Network::input(100)
                                                                                           .dense(64)
                                                                                           .leaky_relu()
                                                                                           .dense(32)
                                                                                           .sigmoid()
                                                                                           .dense(16)
                                                                                           .tanh()
                                                                                           .layer_norm()
                                                                                           .dense(2)
                                                                                           .build(rng));
  same("conv 4 3x3, avg-pool 2, flatten, dense 3",
       Network::input(8, 8).conv2d(4, 3).avg_pool(2).flatten().dense(3).build(rng));
  same("conv 4 3x3, residual(conv 4 3x3, relu), global-avg-pool",
       Network::input(8, 8)
           .conv2d(4, 3)
           .residual([](NetworkBuilder in) { return std::move(in).conv2d(4, 3).relu(); })
           .global_avg_pool()
           .build(rng));
  same(
      "patches 4 16, position learned, attention 2 projection, position sinusoidal, attention 4, mean, dense "
      "10",
      Network::input(28, 28)
          .patches(4, 16)
          .position(PositionStart::learned)
          .attention(2, true)
          .position(PositionStart::sinusoidal)
          .attention(4)
          .mean()
          .dense(10)
          .build(rng));
}

TEST_CASE("text may be spaced as one likes, and repeats what it says") {
  const auto text = [](const std::string& typed) {
    return parse_network(typed, kImage, "--layers").build().text();
  };
  CHECK(text("  conv 8   3x3 valid stride 2 ,relu,dense 10 ") == "conv 8 3x3 stride 2 valid, relu, dense 10");
  CHECK(text("dense 8\n, relu,\tdense 10") == "dense 8, relu, dense 10");
  CHECK(text("repeat 2 (dense 5, relu), dense 3") == "dense 5, relu, dense 5, relu, dense 3");
  CHECK(text("patches 7 8, repeat 2(residual(layer-norm, repeat 2 (dense 8))), mean") ==
        "patches 7 8, residual(layer-norm, dense 8, dense 8), residual(layer-norm, dense 8, dense 8), mean");
  CHECK(text("dense 9, dropout 1e-1, dense 2") == "dense 9, dropout 0.1, dense 2");
}

TEST_CASE("a dense layer for each class of the data") {
  const auto text = [](const std::string& typed, std::size_t classes) {
    return parse_network(typed, kImage, "--layers", classes).build().text();
  };
  CHECK(text("dense classes", 7) == "dense 7");
  CHECK(text("dense 20, relu, residual(dense classes, relu), dense classes", 20) ==
        "dense 20, relu, residual(dense 20, relu), dense 20");
  const auto refusal_with = [&](const std::string& typed, std::size_t classes) {
    return test::error_of([&] { text(typed, classes); });
  };
  CHECK(refusal("dense classes") ==
        "--layers: found 'classes' at character 7, expected units, a whole number from 1 to 65536");
  CHECK(refusal_with("dense class", 7) ==
        "--layers: found 'class' at character 7, expected units, a whole number from 1 to 65536, or classes");
  CHECK(refusal_with("dropout classes, dense 10", 7) ==
        "--layers: found 'classes' at character 9, expected rate, a number from 0 to below 1");
}

TEST_CASE("a wrong text is refused with the place and what was expected") {
  CHECK(refusal("") ==
        "--layers: found the end at character 1, expected a layer, one of conv, max-pool, avg-pool, "
        "global-avg-pool, flatten, dense, relu, leaky-relu, sigmoid, tanh, gelu, dropout, batch-norm, "
        "layer-norm, patches, position, attention, mean, residual, scale-shift, or repeat");
  CHECK(refusal("dense 5, desne 10")
            .find("--layers: found 'desne' at character 10, expected a layer, one of conv") == 0);
  CHECK(refusal("dense 5,").find("--layers: found the end at character 9, expected a layer") == 0);
  CHECK(refusal("dense") ==
        "--layers: found the end at character 6, expected units, a whole number from 1 to 65536");
  CHECK(refusal("dense 0") ==
        "--layers: found '0' at character 7, expected units, a whole number from 1 to 65536");
  CHECK(refusal("dense 1e3").find("found '1e3' at character 7") != std::string::npos);
  CHECK(refusal("dense 99999999999999999999999").find("expected units") != std::string::npos);
  CHECK(refusal("dense 10 relu") == "--layers: found 'relu' at character 10, expected a comma, or the end");
  CHECK(refusal("conv 8 3x5, dense 10") ==
        "--layers: found '3x5' at character 8, expected a square, such as 3x3");
  CHECK(refusal("conv 8 3x3 strid 2, dense 10") ==
        "--layers: found 'strid' at character 12, expected stride, valid, a comma, or the end");
  CHECK(refusal("conv 8 3x3 valid valid, dense 10").find("found 'valid' at character 18") !=
        std::string::npos);
  CHECK(refusal("dropout 1, dense 10") ==
        "--layers: found '1' at character 9, expected rate, a number from 0 to below 1");
  CHECK(refusal("patches 4 8, position here, mean") ==
        "--layers: found 'here' at character 23, expected one of sinusoidal, learned");
  CHECK(refusal("residual dense 5") == "--layers: found 'dense' at character 10, expected '('");
  CHECK(refusal("residual(dense 784, dense 10") == "--layers: found the end at character 29, expected ')'");
  CHECK(refusal("dense 10)") == "--layers: found ')' at character 9, expected a comma, or the end");
  CHECK(refusal("repeat 300 (dense 5)").find("a whole number from 1 to 256") != std::string::npos);
  CHECK(refusal("repeat 200 (residual(relu)), dense 2").find("found more than 256 layers") !=
        std::string::npos);
  CHECK(refusal("repeat 100 (repeat 100 (relu)), dense 2").find("expected at most 256 layers") !=
        std::string::npos);
  std::string deep = "dense 2";
  for (int i = 0; i < 12; ++i) deep = "residual(" + deep + ")";
  CHECK(refusal("dense 2, " + deep).find("parentheses at most 8 deep") != std::string::npos);
}

TEST_CASE("a layer that does not fit what comes before is refused, with its number") {
  CHECK(refusal("dense 10, conv 8 3x3") ==
        "--layers: layer 2, conv: found 10 numbers, expected an image (a conv comes "
        "before what makes vectors)");
  CHECK(refusal("conv 8 3x3, max-pool 30, dense 3") ==
        "--layers: layer 2, max-pool: found an image of 28 x 28 x 8, expected at least 30 pixels a side");
  CHECK(refusal("conv 8 29x29 valid, dense 3").find("expected at least 29 pixels a side") !=
        std::string::npos);
  CHECK(refusal("patches 5 8, mean")
            .find("layer 1, patches: found images of 28 x 28 pixels, expected multiples of the "
                  "patch, 5 a side") != std::string::npos);
  CHECK(refusal("patches 4 9, attention 2, mean") ==
        "--layers: layer 2, attention: found 2 heads, expected a divisor of the size of a token, 9");
  CHECK(refusal("attention 2, dense 3").find("expected tokens, as patches makes them") != std::string::npos);
  CHECK(refusal("dense 5, mean").find("layer 2, mean: found 5 numbers, expected tokens") !=
        std::string::npos);
  CHECK(refusal("dense 5, residual(dense 6)") ==
        "--layers: layer 2, residual: found layers that make 6 of 5, expected "
        "the same, to be added to it");
  CHECK(refusal("conv 8 3x3").find("the last layer makes 28 x 28 x 8 numbers, expected a vector") !=
        std::string::npos);
  CHECK(refusal("patches 1 65536, mean", {4096, 4096, 1}).find("expected at most 4096") != std::string::npos);
  CHECK(refusal("conv 65536 1x1, dense 2", {4096, 4096, 1}).find("expected at most 268435456") !=
        std::string::npos);
  CHECK(refusal("dense 65536, dense 65536").find("parameters, expected at most 1073741824") !=
        std::string::npos);
}

TEST_CASE("JSON that is no network is refused") {
  CHECK(json_refusal("[]") == "model: network has [], expected an object with input, layers");
  CHECK(json_refusal(R"({"input": [28, 28]})") == "model: network has no \"layers\", expected input, layers");
  CHECK(json_refusal(R"({"input": [28, 28], "layers": [], "x": 1})") ==
        "model: network has \"x\", expected only input, layers");
  CHECK(
      json_refusal(R"({"input": [0], "layers": []})").find("network has \"input\": [0], expected [pixels]") !=
      std::string::npos);
  CHECK(json_refusal(R"({"input": [4097, 2], "layers": []})").find("at most 4096 each") != std::string::npos);
  const auto layer = [](const std::string& text) {
    return json_refusal(R"({"input": [28, 28], "layers": [)" + text + "]}");
  };
  CHECK(layer("{}") == "model: network has {}, expected an object with \"layer\": its name");
  CHECK(layer(R"({"layer": "sense"})").find("network has \"layer\": \"sense\", expected one of conv") !=
        std::string::npos);
  CHECK(layer(R"({"layer": "dense"})") == "model: dense has no \"units\", expected layer, units");
  CHECK(layer(R"({"layer": "dense", "units": 1.5})") ==
        "model: dense has \"units\": 1.5, expected a whole number from 1 to 65536");
  CHECK(layer(R"({"layer": "dense", "units": -1})").find("dense has \"units\": -1") != std::string::npos);
  CHECK(layer(R"({"layer": "dropout", "rate": "a"})").find("expected a number from 0 to below 1") !=
        std::string::npos);
  CHECK(layer(R"({"layer": "conv", "filters": 1, "kernel": 3, "stride": 1, "valid": 0})")
            .find("expected true or false") != std::string::npos);
  CHECK(layer(R"({"layer": "relu", "slope": 1})") == "model: relu has \"slope\", expected only layer");
  CHECK(layer(R"({"layer": "residual", "layers": 3})").find("\"layers\": 3, expected a list") !=
        std::string::npos);
}

TEST_CASE("a network says what it takes and what it is made of") {
  SimpleRng rng(1);
  const Network image =
      parse_network("conv 2 3x3, relu, residual(conv 2 3x3), dense 10", {6, 4, 1}, "x").build(rng);
  CHECK(image.takes(6, 4));
  CHECK(!image.takes(4, 6));
  CHECK(image.pixels_text() == "6 x 4 pixels");
  CHECK(image.parameters() == 20 + 38 + 490);
  CHECK(image.classes() == 10);
  const Network row = Network::input(24).dense(3).build(rng);
  CHECK(row.takes(4, 6));
  CHECK(row.pixels_text() == "24 pixels");
  CHECK(image.table() ==
        "layer                        makes            parameters     MFLOP\n"
        "input                        6 x 4 x 1                            \n"
        "conv 2 3x3                   6 x 4 x 2                20     0.001\n"
        "relu                         6 x 4 x 2                 0     0.000\n"
        "residual                     6 x 4 x 2                            \n"
        "  conv 2 3x3                 6 x 4 x 2                38     0.002\n"
        "dense 10                     10                      490     0.001\n"
        "all, MFLOP forward an image                          548     0.004\n");
  std::vector<std::string> names;
  for (const Tensor* t : image.state()) names.push_back(t->name);
  CHECK(names == std::vector<std::string>{"conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias",
                                          "dense1.weight", "dense1.bias"});
}

TEST_CASE("weights are drawn in the chain's order, with the limits of DESIGN") {
  SimpleRng rng(42), same(42);
  const Network network = Network::input(4, 4).conv2d(3, 3).dense(2).build(rng);
  const auto tensors = network.tensors();
  const auto expect = [&](const Tensor& t, double limit) {
    for (const float v : t.value)
      REQUIRE(v == same.range(-static_cast<float>(limit), static_cast<float>(limit)));
  };
  expect(*tensors[0], std::sqrt(6.0 / (9 + 27)));
  expect(*tensors[2], std::sqrt(6.0 / (48 + 2)));
  for (const float v : tensors[1]->value) CHECK(v == 0);
}
