#include "nn/models/network_json.hpp"

#include <vector>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nlohmann::json;

namespace {

const json kMlp = json::parse(R"({"kind": "mlp", "inputs": 784, "classes": 10, "hidden": [
    {"units": 256, "activation": "relu", "dropout": 0.2}, {"units": 64, "activation": "gelu", "dropout": 0}]})");
const json kCnn =
    json::parse(R"({"kind": "cnn", "height": 28, "width": 20, "filters": 8, "kernel": 5, "classes": 10})");
const json kAttention = json::parse(R"({"kind": "attention_pool", "height": 28, "width": 20, "patch": 4,
    "d_model": 64, "ff_dim": 128, "heads": 2, "position": "learned", "classes": 10})");

// `network` with another value of `key`; a null takes the key away.
json with(json network, const std::string& key, const json& value) {
  network[json::json_pointer("/" + key)] = json::parse(value.dump());  // 4 becomes unsigned, as read
  if (value.is_null()) network.erase(key);
  return network;
}
std::string refusal(const json& network) {
  return test::error_of([&] { network_shape(network, "file"); });
}

}  // namespace

TEST_CASE("networks become JSON and come back") {
  for (const json& network : {kMlp, kCnn, kAttention}) {
    const AnyShape shape = network_shape(network, "file");
    CHECK(std::visit([](const auto& s) { return network_json(s); }, shape) == network);
    AnyModel model = make_model(shape);
    std::size_t parameters = 0;
    std::visit(
        [&](auto& m) {
          for (const Tensor* t : m.tensors()) parameters += t->value.size();
        },
        model);
    CHECK(std::visit([](const auto& s) { return s.parameters(); }, shape) == parameters);
  }
  CHECK(std::get<MlpShape>(network_shape(kMlp, "")).summary() ==
        "784 -> 256 (relu, dropout 0.2) -> 64 (gelu) -> 10 (softmax)");
  CHECK(std::get<CnnShape>(network_shape(kCnn, "")).summary() ==
        "28x20 -> conv 8 x 5x5 (relu) -> max-pool 2x2 -> 10 (softmax)");
  CHECK(std::get<AttentionShape>(network_shape(kAttention, "")).summary() ==
        "28x20 -> 35 patches of 4x4, learned positions -> attention, width 64, 2 heads -> 128 (relu) -> mean "
        "-> 10 (softmax)");
}

TEST_CASE("JSON that is no network is refused with what was found and what was expected") {
  CHECK(refusal(json::array()) == "file: network has kind none, expected mlp, cnn or attention_pool");
  CHECK(refusal(with(kMlp, "kind", "rnn")) ==
        "file: network has kind \"rnn\", expected mlp, cnn or attention_pool");
  CHECK(refusal(with(kMlp, "kind", nullptr)) ==
        "file: network has kind none, expected mlp, cnn or attention_pool");
  CHECK(refusal(with(kMlp, "color", 1)) ==
        "file: network has \"color\", expected only kind, inputs, hidden, classes");
  CHECK(refusal(with(kMlp, "inputs", nullptr)) ==
        "file: network has no \"inputs\", expected kind, inputs, hidden, classes");
  for (const json& bad : {json(-1), json(0), json(65537), json(2.5), json("9"), json(nullptr)}) {
    const json network = bad.is_null() ? with(kMlp, "classes", json::array()) : with(kMlp, "classes", bad);
    CHECK(refusal(network) == "file: network has \"classes\": " + network["classes"].dump() +
                                  ", expected a whole number from 1 to 65536");
  }
  CHECK(refusal(with(kMlp, "hidden", 5)) ==
        "file: network has \"hidden\": 5, expected a list of at most 64 layers");
  CHECK_THAT(refusal(with(kMlp, "hidden", std::vector<json>(65, kMlp["hidden"][0]))),
             test::contains("at most 64"));
  CHECK(refusal(with(kMlp, "hidden/0", 5)) ==
        "file: network is 5, expected an object with units, activation, dropout");
  CHECK(refusal(with(kMlp, "hidden/1/dropout", 1)) ==
        "file: network has \"dropout\": 1, expected a number from 0 to below 1");
  CHECK(refusal(with(kMlp, "hidden/1/dropout", "x")) ==
        "file: network has \"dropout\": \"x\", expected a number from 0 to below 1");
  CHECK(refusal(with(kMlp, "hidden/1/activation", "swish")) ==
        "file: network has \"activation\": \"swish\", expected one of none, relu, leaky-relu, sigmoid, tanh, "
        "gelu");
  CHECK(refusal(with(kMlp, "hidden/1/activation", 1)) ==
        "file: network has \"activation\": 1, expected one of none, relu, leaky-relu, sigmoid, tanh, gelu");
  CHECK(refusal(with(kCnn, "kernel", 4)) == "file: network has \"kernel\": 4, expected 3, 5 or 7");
  CHECK(refusal(with(kCnn, "height", 1)) ==
        "file: network has \"height\": 1, expected a whole number from 2 to 4096");
  CHECK(refusal(with(kCnn, "width", 4097)) ==
        "file: network has \"width\": 4097, expected a whole number from 2 to 4096");
  CHECK(refusal(with(kMlp, "inputs", (1 << 24) + 1)) ==
        "file: network has \"inputs\": 16777217, expected a whole number from 1 to 16777216");
  CHECK(refusal(with(kMlp, "kind", std::string(100, 'x'))) ==
        "file: network has kind \"" + std::string(56, 'x') + "..., expected mlp, cnn or attention_pool");
  CHECK(refusal(with(kAttention, "patch", 3)) ==
        "file: images of 28 x 20 pixels, expected multiples of the patch, 3 a side");
  CHECK(refusal(with(kAttention, "heads", 3)) ==
        "file: network has \"heads\": 3, expected a divisor of d_model, at most 64");
  CHECK(refusal(with(with(kAttention, "heads", 128), "d_model", 128)) ==
        "file: network has \"heads\": 128, expected a divisor of d_model, at most 64");
  CHECK(refusal(with(with(kAttention, "patch", 1), "height", 400)) ==
        "file: images of 400 x 20 pixels make 8000 patches of 1 a side, expected at most 4096");
}
