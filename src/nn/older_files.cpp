#include "nn/files/older_files.hpp"

#include <functional>
#include <numeric>
#include <set>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/core/error.hpp"
#include "nn/core/text.hpp"
#include "nn/files/json.hpp"
#include "nn/files/model_files.hpp"

namespace nn {

namespace {

using Json = nlohmann::json;

Json layer(const char* name, const Json& fields = Json::object()) {
  Json json{{"layer", name}};
  json.update(fields);
  return json;
}

Json dense(const Json& units) {
  return layer("dense", {{"units", units}});
}

void check_keys(const Json& object, const std::set<std::string>& keys, const std::string& source) {
  std::set<std::string> found;
  if (object.is_object()) {
    for (const auto& [key, value] : object.items()) found.insert(key);
  }
  if (found == keys) return;
  throw Error(source,
              "network has " + json_in_brief(object) + ", expected an object with " + join(keys, ", "));
}

Json chain_of_mlp(const Json& mlp, const std::string& source) {
  check_keys(mlp, {"kind", "inputs", "hidden", "classes"}, source);
  if (!mlp["hidden"].is_array()) {
    throw Error(source,
                "network has \"hidden\": " + json_in_brief(mlp["hidden"]) + ", expected a list of layers");
  }
  Json layers = Json::array();
  for (const Json& hidden : mlp["hidden"]) {
    check_keys(hidden, {"units", "activation", "dropout"}, source);
    layers.push_back(dense(hidden["units"]));
    if (hidden["activation"] != "none") layers.push_back({{"layer", hidden["activation"]}});
    if (hidden["dropout"] != 0) layers.push_back(layer("dropout", {{"rate", hidden["dropout"]}}));
  }
  layers.push_back(dense(mlp["classes"]));
  return {{"input", Json::array({mlp["inputs"]})}, {"layers", layers}};
}

Json chain_of_cnn(const Json& cnn, const std::string& source) {
  check_keys(cnn, {"kind", "height", "width", "filters", "kernel", "classes"}, source);
  const Json conv{{"filters", cnn["filters"]}, {"kernel", cnn["kernel"]}, {"stride", 1u}, {"valid", false}};
  return {{"input", {cnn["height"], cnn["width"]}},
          {"layers",
           {layer("conv", conv), layer("relu"), layer("max-pool", {{"size", 2u}}), dense(cnn["classes"])}}};
}

Json chain_of_attention(const Json& a, const std::string& source) {
  check_keys(a, {"kind", "height", "width", "patch", "d_model", "ff_dim", "heads", "position", "classes"},
             source);
  Json layers = Json::array({layer("patches", {{"patch", a["patch"]}, {"width", a["d_model"]}})});
  if (a["position"] != "none") layers.push_back(layer("position", {{"start", a["position"]}}));
  for (const Json& next :
       {layer("relu"), layer("attention", {{"heads", a["heads"]}, {"projection", false}}), dense(a["ff_dim"]),
        layer("relu"), dense(a["d_model"]), layer("mean"), dense(a["classes"])}) {
    layers.push_back(next);
  }
  return {{"input", {a["height"], a["width"]}}, {"layers", layers}};
}

}  // namespace

bool is_older(const Json& network) {
  return network.is_object() && network.contains("kind");
}

Json chain_of_older(const Json& network, const std::string& source) {
  const Json& kind = network.at("kind");
  if (kind == "mlp") return chain_of_mlp(network, source);
  if (kind == "cnn") return chain_of_cnn(network, source);
  if (kind == "attention_pool") return chain_of_attention(network, source);
  throw Error(source, "network has kind " + json_in_brief(kind) + ", expected mlp, cnn or attention_pool");
}

void read_older_weights(const Safetensors& file, const Json& description, Network& network) {
  const std::vector<Tensor*> tensors = network.tensors();
  std::vector<std::string> names;
  if (description["kind"] == "mlp") {
    for (std::size_t layer = 1; names.size() < tensors.size(); ++layer) {
      for (const std::string kind : {"W", "b"}) names.push_back(kind + std::to_string(layer));
    }
  } else if (description["kind"] == "cnn") {
    names = {"conv.weight", "conv.bias", "fc.weight", "fc.bias"};
  } else {
    names = {"Wp", "bp", "pos", "Wq", "bq", "Wk", "bk", "Wv", "bv", "W1", "b1", "W2", "b2", "Wcls", "bcls"};
    if (description["position"] == "none") std::erase(names, "pos");
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    std::vector<std::size_t> shape = tensors[i]->shape;
    if (shape.size() == 4) shape = {shape[0], shape[1] * shape[2] * shape[3]};
    read_finite(file, names[i], shape, tensors[i]->value);
  }
}

}  // namespace nn
