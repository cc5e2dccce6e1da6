// The kGolden files in tests/golden are read here and by tests/python: one format, two readers. A kGolden
// file is what save_model() writes of the network below that has its name, but for the older ones, which are
// only read.
#include "nn/files/model_files.hpp"

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "nn/files/bin_files.hpp"
#include "nn/files/older_files.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;

namespace {

const std::string kGolden = NN_SOURCE_DIR "/tests/golden/";

// Every parameter is k / 64 for k = -31, -30, ..., exact in float, float64 and text; variances are above 0.
Network counted_up(const std::string& layers, const Shape& input) {
  Network network = parse_network(layers, input, "test").build();
  int k = -31;
  for (Tensor* t : network.state()) {
    const float least = t->name.ends_with("running_var") ? 1.0f : 0.0f;
    for (float& v : t->value) v = least + static_cast<float>(k++ % 32) / 64.0f;
  }
  return network;
}
Network small_mlp() {
  return counted_up("dense 4, relu, dense 3", {9});
}

void check_same(const Network& read, const Network& network) {
  CHECK(read.json() == network.json());
  const std::vector<Tensor*> found = read.state(), expected = network.state();
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i]->name == expected[i]->name);
    CHECK(found[i]->shape == expected[i]->shape);
    CHECK(found[i]->value == expected[i]->value);
  }
}

void check_golden(const Network& network, const std::string& name) {
  const test::TemporaryFolder folder;
  const std::size_t bytes = save_model(network, folder / name);
  const std::string written = test::file_bytes(folder / name);
  CHECK(bytes == written.size());
  REQUIRE(written == test::file_bytes(kGolden + name));
  check_same(load_model(kGolden + name), network);
}

}  // namespace

TEST_CASE("the kGolden model files are written and read to the byte") {
  check_golden(small_mlp(), "mlp.bin");
  check_golden(counted_up("conv 2 3x3, relu, max-pool 2, dense 3", {6, 4, 1}), "cnn.bin");
  check_golden(
      counted_up("patches 2 4, position sinusoidal, relu, attention 1, dense 6, relu, dense 4, mean, dense 3",
                 {4, 4, 1}),
      "attention.bin");
  check_golden(
      counted_up("conv 3 3x3 stride 2, batch-norm, relu, residual(conv 3 2x2, gelu), conv 4 2x2 valid, "
                 "max-pool 2, flatten, dense 4, layer-norm, leaky-relu, dropout 0.25, dense 3",
                 {12, 9, 1}),
      "image_chain.safetensors");
  check_golden(
      counted_up(
          "patches 2 6, position learned, residual(layer-norm, attention 2 projection), dense 5, tanh, "
          "attention 1, mean, dense 3, sigmoid, dense 3",
          {4, 6, 1}),
      "token_chain.safetensors");
}

TEST_CASE("the files of before networks were chains are read") {
  check_same(
      load_model(kGolden + "mlp.safetensors"),
      counted_up("dense 5, gelu, dropout 0.25, dense 4, tanh, dense 4, sigmoid, dense 3, leaky-relu, dense 3",
                 {9}));
  check_same(load_model(kGolden + "cnn.safetensors"),
             counted_up("conv 3 5x5, relu, max-pool 2, dense 4", {7, 5, 1}));
  check_same(
      load_model(kGolden + "attention.safetensors"),
      counted_up("patches 2 6, position learned, relu, attention 3, dense 5, relu, dense 6, mean, dense 3",
                 {4, 6, 1}));

  const auto text = [](const char* json) {
    return network_of_json(chain_of_older(nlohmann::json::parse(json), "file"), "file").build().text();
  };
  CHECK(text(R"({"kind": "mlp", "inputs": 9, "hidden": [{"units": 5, "activation": "none", "dropout": 0}],
                 "classes": 2})") == "dense 5, dense 2");
  CHECK(text(R"({"kind": "attention_pool", "height": 4, "width": 8, "patch": 2, "d_model": 6, "ff_dim": 5,
                 "heads": 3, "position": "none", "classes": 2})") ==
        "patches 2 6, relu, attention 3, dense 5, relu, dense 6, mean, dense 2");
}

TEST_CASE("an older description that is damaged is refused") {
  const auto refusal = [](const char* json) {
    return test::error_of(
        [&] { network_of_json(chain_of_older(nlohmann::json::parse(json), "file"), "file"); });
  };
  CHECK(refusal(R"({"kind": "rnn"})") ==
        "file: network has kind \"rnn\", expected mlp, cnn or attention_pool");
  CHECK(refusal(R"({"kind": "mlp"})") ==
        "file: network has {\"kind\":\"mlp\"}, expected an object with classes, hidden, inputs, kind");
  CHECK_THAT(refusal(R"({"kind": "mlp", "inputs": 9, "hidden": [5], "classes": 2})"),
             contains("file: network has 5, expected an object with activation, dropout, units"));
  CHECK_THAT(refusal(R"({"kind": "mlp", "inputs": 9, "hidden": null, "classes": 2})"),
             contains("a list of layers"));
  CHECK_THAT(refusal(R"({"kind": "mlp", "inputs": 9, "hidden": [], "classes": -2})"),
             contains("dense has \"units\": -2, expected a whole number from 1 to 65536"));
  CHECK_THAT(
      refusal(R"({"kind": "mlp", "inputs": 9, "hidden": [{"units": 2, "activation": "swish", "dropout": 0}],
                         "classes": 2})"),
      contains("\"layer\": \"swish\""));
  CHECK_THAT(refusal(R"({"kind": "cnn", "height": 6, "width": 1, "filters": 2, "kernel": 3, "classes": 2})"),
             contains("max-pool"));
}

TEST_CASE("a model file is told by its content, keeps metadata, and may hold more than a model") {
  const test::TemporaryFolder folder;
  const Network network = small_mlp();
  save_model(network, folder / "model.safetensors", {{"program", "mnist_mlp"}});
  CHECK(Safetensors(folder / "model.safetensors").metadata().at("program") == "mnist_mlp");
  SafetensorsWriter file;
  add_network(file, network);
  file.tensor("moment1.dense1.weight", {2}, Floats{1, 2});
  file.save(folder / "checkpoint.bin");
  check_same(load_model(folder / "checkpoint.bin"), network);
}

TEST_CASE("networks for large images are read again") {
  const test::TemporaryFolder folder;
  SimpleRng rng(1);
  const Network network = Network::input(300 * 300).dense(2).relu().dense(3).build(rng);
  for (const char* name : {"model.bin", "model.safetensors"}) {
    save_model(network, folder / name);
    check_same(load_model(folder / name), network);
  }
}

TEST_CASE("a .bin holds three chains, and says nothing of dropout and of how positions started") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "model.bin";
  const auto again = [&](const std::string& layers, const Shape& input) {
    save_model(counted_up(layers, input), path);
    return load_model(path);
  };
  CHECK(again("dense 4, relu, dropout 0.5, dense 3", {9}).text() == "dense 4, relu, dense 3");
  CHECK(again("dense 4, relu, dense 3", {3, 3, 1}).input_shape() == Shape{9});
  CHECK(again("dropout 0.1, conv 2 7x7, relu, max-pool 2, dense 3, dropout 0.2", {6, 4, 1}).text() ==
        "conv 2 7x7, relu, max-pool 2, dense 3");
  const std::string rest = "relu, attention 1, dense 6, relu, dense 4, mean, dense 3";
  CHECK(again("patches 2 4, position learned, " + rest, {4, 4, 1}).text() ==
        "patches 2 4, position sinusoidal, " + rest);
  const Network without = again("patches 2 4, " + rest, {4, 4, 1});
  CHECK(without.text() == "patches 2 4, position sinusoidal, " + rest);
  CHECK(without.tensors()[2]->value == Floats(16));
}

TEST_CASE("a network that a .bin cannot hold is refused before anything is written") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "model.bin";
  for (const auto& [layers, input] : std::vector<std::pair<std::string, Shape>>{
           {"dense 3", {9}},
           {"dense 4, tanh, dense 3", {9}},
           {"dense 4, relu, dense 4, relu, dense 3", {9}},
           {"dense 4, relu, dense 3, relu", {9}},
           {"conv 2 2x2, relu, max-pool 2, dense 3", {6, 4, 1}},
           {"conv 2 3x3 stride 2, relu, max-pool 2, dense 3", {6, 4, 1}},
           {"conv 2 3x3 valid, relu, max-pool 2, dense 3", {6, 4, 1}},
           {"conv 2 3x3, relu, max-pool 3, dense 3", {6, 4, 1}},
           {"conv 2 3x3, relu, avg-pool 2, dense 3", {6, 4, 1}},
           {"patches 2 4, relu, attention 2, dense 6, relu, dense 4, mean, dense 3", {4, 4, 1}},
           {"patches 2 4, relu, attention 1 projection, dense 6, relu, dense 4, mean, dense 3", {4, 4, 1}},
           {"patches 2 4, relu, attention 1, dense 6, relu, dense 5, mean, dense 3", {4, 4, 1}},
           {"patches 2 4, relu, attention 1, dense 6, relu, dense 4, mean, dense 3", {4, 6, 1}}}) {
    const Network network = counted_up(layers, input);
    CHECK(test::error_of([&] { save_model(network, path); }) ==
          path + ": found a network that a .bin cannot hold, " + network.text() + " for " +
              network.pixels_text() + ", expected a path that ends in .safetensors");
    CHECK(!std::filesystem::exists(path));
  }
}

TEST_CASE("a bad .bin is refused") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "model.bin";
  const auto refusal = [&](const std::string& bytes) {
    test::write_file(path, bytes);
    const std::string message = test::error_of([&] { load_model(path); });
    CHECK_THAT(message, Catch::Matchers::StartsWith(path + ": "));
    return message;
  };
  for (const char* name : {"mlp.bin", "cnn.bin", "attention.bin"}) {
    const std::string whole = test::file_bytes(kGolden + name);
    CHECK_THAT(refusal(whole.substr(0, whole.size() - 1)), contains("not a model file, or cut short"));
    CHECK_THAT(refusal(whole + '\0'), contains("not a model file, or cut short"));
    CHECK_THAT(refusal(whole.substr(0, 10)), contains("10 bytes"));
    std::string negative = whole;
    negative[3] = '\xff';
    CHECK_THAT(refusal(negative), contains("not a model file"));
    std::string nan = whole;
    nan.replace(nan.size() - 8, 8, std::string("\0\0\0\0\0\0\xf8\x7f", 8));
    CHECK_THAT(refusal(nan), contains("nan") && contains("expected a finite number"));
  }
  CHECK_THAT(refusal(""), contains("0 bytes"));
  CHECK_THAT(test::error_of([&] { load_model(folder / "none.bin"); }), contains("no such file"));
}

TEST_CASE("a bad .safetensors is refused") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "model.safetensors";
  const auto said = [&] { return test::error_of([&] { load_model(path); }); };
  const auto refusal = [&](auto change) {
    Network network = small_mlp();
    SafetensorsWriter file;
    change(file, network);
    file.save(path);
    return said();
  };
  CHECK(refusal([](SafetensorsWriter& file, Network& network) {
          file.tensor("dense1.weight", {9, 4}, network.tensors()[0]->value);
        }) == path + ": its metadata has no \"format\": \"nn.model\", expected a model");
  CHECK(refusal([](SafetensorsWriter& file, Network&) { file.metadata("format", "nn.model"); }) ==
        path + ": network is not JSON, expected a network's description");
  CHECK(refusal([](SafetensorsWriter& file, Network& network) {
          add_network(file, network);
          file.metadata("network", R"({"kind": "rnn"})");
        }) == path + ": network has kind \"rnn\", expected mlp, cnn or attention_pool");
  CHECK(refusal([](SafetensorsWriter& file, Network& network) {
          add_network(file, network);
          file.metadata("network", R"({"input": [65536], "layers": [{"layer": "dense", "units": 16384},
                                       {"layer": "dense", "units": 3}]})");
        }) == path + ": 220 bytes of values, expected at least 4295229452 for its network");
  CHECK(refusal([](SafetensorsWriter& file, Network& network) {
          add_network(file, network);
          file.metadata("network", counted_up("dense 3, relu, dense 4", {9}).json().dump());
        }) == path + ": tensor \"dense1.weight\" has shape (9, 4), expected (9, 3)");
  CHECK(refusal([](SafetensorsWriter& file, Network& network) {
          network.tensors()[3]->name = "b3";
          add_network(file, network);
        }) == path + ": has no tensor \"dense2.bias\" among its 4");
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    CHECK(refusal([&](SafetensorsWriter& file, Network& network) {
            network.tensors()[2]->value[5] = bad;
            add_network(file, network);
          }) ==
          path + ": tensor \"dense2.weight\" holds a NaN or an infinite value, expected finite numbers");
  }
  const std::string whole = test::file_bytes(kGolden + "mlp.safetensors");
  test::write_file(path, whole.substr(0, whole.size() - 1));
  CHECK_THAT(said(), contains("bytes of data"));
  test::write_file(path, whole.substr(0, 20));
  CHECK_THAT(said(), contains("announces a header"));
}
