#include "nn/cli/network_options.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace nn;

namespace {

// What the command line makes of the defaults.
template <class Options>
Options parsed(void (*add)(CLI::App&, Options&), std::vector<std::string> arguments) {
  CLI::App app("", "program");
  cli::add_standard_options(app);
  Options options;
  add(app, options);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  app.parse(arguments);
  return options;
}

// The message that is shown with exit status 2.
template <class Action>
std::string usage_error(Action action) {
  try {
    action();
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  FAIL("expected a ParseError");
  return {};
}

Dataset images(std::size_t rows, std::size_t cols, std::size_t classes) {
  Dataset data;
  data.images.rows = rows;
  data.images.cols = cols;
  data.images.source = "images";
  data.classes = classes;
  return data;
}

}  // namespace

TEST_CASE("the options of mnist_mlp make its layers") {
  const auto network = [](const std::vector<std::string>& arguments) {
    return parsed(cli::add_mlp, arguments).shape(images(28, 28, 10));
  };
  CHECK(network({}).summary() == "784 -> 512 (relu) -> 10 (softmax)");
  CHECK(network({"--hidden", "none"}).summary() == "784 -> 10 (softmax)");
  const MlpShape shape =
      network({"--hidden", "256,64", "--activation", "leaky-relu", "--init", "he", "--dropout", "0.25"});
  CHECK(shape.summary() ==
        "784 -> 256 (leaky-relu, dropout 0.25) -> 64 (leaky-relu, dropout 0.25) -> 10 (softmax)");
  for (const MlpLayer& layer : shape.layers) CHECK(layer.init == Init::he);
}

TEST_CASE("the options of mnist_cnn and mnist_attention_pool make their shapes") {
  CHECK(parsed(cli::add_cnn, {"--filters", "5", "--kernel", "7"}).shape(images(20, 28, 47)).summary() ==
        "20x28 -> conv 5 x 7x7 (relu) -> max-pool 2x2 -> 47 (softmax)");
  CHECK(parsed(cli::add_attention, {}).shape(images(28, 28, 10)).summary() ==
        "28x28 -> 49 patches of 4x4, sinusoidal positions -> attention, width 64, 1 head -> 128 (relu) -> "
        "mean -> 10 (softmax)");
  CHECK(parsed(cli::add_attention,
               {"--patch", "7", "--d-model", "32", "--heads", "4", "--ff-dim", "48", "--position", "none"})
            .shape(images(28, 14, 10))
            .summary() ==
        "28x14 -> 8 patches of 7x7, no positions -> attention, width 32, 4 heads -> 48 (relu) -> mean -> 10 "
        "(softmax)");
}

TEST_CASE("an option outside its range is refused") {
  const auto refusal = [](auto add, const std::string& name, const std::string& value) {
    return usage_error([&] { parsed(add, {name, value}); });
  };
  const std::string widths =
      ", expected none, or 1 to 16 whole numbers from 1 to 16384 with commas between them";
  for (const std::string bad : {"", "0", "256,", ",256", "256,,64", "x", "1.5", "-1", "16385", "none,3"}) {
    CHECK(refusal(cli::add_mlp, "--hidden", bad) == "--hidden: found '" + bad + "'" + widths);
  }
  std::string seventeen = "1";
  for (int i = 0; i < 16; ++i) seventeen += ",1";
  CHECK(refusal(cli::add_mlp, "--hidden", seventeen) == "--hidden: found '" + seventeen + "'" + widths);
  CHECK(refusal(cli::add_mlp, "--activation", "swish") ==
        "--activation: found 'swish', expected one of none, relu, leaky-relu, sigmoid, tanh, gelu");
  CHECK(refusal(cli::add_mlp, "--init", "zero") ==
        "--init: found 'zero', expected one of xavier, he, normal");
  CHECK(refusal(cli::add_mlp, "--dropout", "1") == "--dropout: found '1', expected a number from 0 to 0.99");
  CHECK(refusal(cli::add_cnn, "--kernel", "4") == "--kernel: found '4', expected one of 3, 5, 7");
  CHECK(refusal(cli::add_cnn, "--filters", "0") ==
        "--filters: found '0', expected a whole number from 1 to 1024");
  CHECK(refusal(cli::add_attention, "--heads", "65") ==
        "--heads: found '65', expected a whole number from 1 to 64");
  CHECK(refusal(cli::add_attention, "--position", "up") ==
        "--position: found 'up', expected one of sinusoidal, learned, none");
}

TEST_CASE("options that do not go together are refused") {
  CHECK(usage_error([] {
          parsed(cli::add_mlp, {"--hidden", "none", "--dropout", "0.2"}).shape(images(28, 28, 10));
        }) == "--dropout: found with --hidden none, expected units to drop");
  CHECK(usage_error([] {
          parsed(cli::add_attention, {"--heads", "3"}).shape(images(28, 28, 10));
        }) == "--heads: found 3, expected a divisor of --d-model, 64");
  CHECK(test::error_of([] {
          parsed(cli::add_attention, {"--patch", "5"}).shape(images(28, 28, 10));
        }) == "images: images of 28 x 28 pixels, expected multiples of the patch, 5 a side");
  CHECK(test::error_of([] { parsed(cli::add_cnn, {}).shape(images(1, 28, 10)); }) ==
        "images: images of 1 x 28 pixels, expected at least 2 x 2");
}
