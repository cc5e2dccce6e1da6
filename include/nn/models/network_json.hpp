// Networks as JSON: what a model file says of itself, apart from the weights.
//
//   {"kind": "mlp", "inputs": 784, "hidden": [{"units": 256, "activation": "relu", "dropout": 0.2}, ...],
//    "classes": 10}
//   {"kind": "cnn", "height": 28, "width": 28, "filters": 8, "kernel": 3, "classes": 10}
//   {"kind": "attention_pool", "height": 28, "width": 28, "patch": 4, "d_model": 64, "ff_dim": 128, "heads":
//   1,
//    "position": "sinusoidal", "classes": 10}
//
// Every key has to be there, and no other. The words are kActivationNames and kPositionNames.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "nn/core/error.hpp"
#include "nn/core/names.hpp"
#include "nn/data/images.hpp"
#include "nn/files/json.hpp"
#include "nn/models/any_model.hpp"
#include "nn/models/limits.hpp"

namespace nn {

inline nlohmann::json network_json(const MlpShape& shape) {
  nlohmann::json hidden = nlohmann::json::array();
  for (std::size_t l = 0; l + 1 < shape.layers.size(); ++l) {
    const MlpLayer& layer = shape.layers[l];
    hidden.push_back({{"units", layer.units},
                      {"activation", name_of(kActivationNames, layer.activation)},
                      {"dropout", layer.dropout}});
  }
  return {{"kind", "mlp"}, {"inputs", shape.inputs}, {"hidden", hidden}, {"classes", shape.classes()}};
}

inline nlohmann::json network_json(const CnnShape& shape) {
  return {{"kind", "cnn"},          {"height", shape.height},
          {"width", shape.width},   {"filters", shape.filters},
          {"kernel", shape.kernel}, {"classes", shape.classes}};
}

inline nlohmann::json network_json(const AttentionShape& shape) {
  return {{"kind", "attention_pool"}, {"height", shape.height},
          {"width", shape.width},     {"patch", shape.patch},
          {"d_model", shape.d_model}, {"ff_dim", shape.ff},
          {"heads", shape.heads},     {"position", name_of(kPositionNames, shape.position)},
          {"classes", shape.classes}};
}

namespace detail {

// An object of the description, whose keys have been checked.
class NetworkObject {
 public:
  NetworkObject(const nlohmann::json& object, const std::string& source,
                std::initializer_list<const char*> keys)
      : object_(object), source_(source) {
    std::string expected;
    for (const char* key : keys) expected += (expected.empty() ? "" : ", ") + std::string(key);
    if (!object.is_object()) refuse("is " + json_in_brief(object), "an object with " + expected);
    for (const auto& [key, value] : object.items()) {
      if (std::ranges::find(keys, key) == keys.end())
        refuse("has \"" + shortened(key) + "\"", "only " + expected);
    }
    for (const char* key : keys) {
      if (!object.contains(key)) refuse("has no \"" + std::string(key) + "\"", expected);
    }
  }

  std::size_t size(const char* key, std::size_t smallest = 1, std::size_t largest = kMaxLayerSize) const {
    const nlohmann::json& value = object_[key];
    const bool fits = value.is_number_unsigned() && value.get<std::uint64_t>() >= smallest &&
                      value.get<std::uint64_t>() <= largest;
    if (!fits) {
      refuse_value(key, "a whole number from " + std::to_string(smallest) + " to " + std::to_string(largest));
    }
    return value.get<std::size_t>();
  }

  double rate(const char* key) const {
    const nlohmann::json& value = object_[key];
    if (!value.is_number() || !(value.get<double>() >= 0 && value.get<double>() < 1)) {
      refuse_value(key, "a number from 0 to below 1");
    }
    return value.get<double>();
  }

  template <class Enum, std::size_t N>
  Enum word(const char* key, const Names<Enum, N>& names) const {
    const nlohmann::json& value = object_[key];
    const auto found = value.is_string() ? named(names, value.get<std::string>()) : std::nullopt;
    if (!found) {
      std::string words;
      for (const auto& [name, meaning] : names) words += (words.empty() ? "" : ", ") + std::string(name);
      refuse_value(key, "one of " + words);
    }
    return *found;
  }

  [[noreturn]] void refuse_value(const char* key, const std::string& expected) const {
    refuse("has \"" + std::string(key) + "\": " + json_in_brief(object_[key]), expected);
  }

 private:
  [[noreturn]] void refuse(const std::string& found, const std::string& expected) const {
    throw Error(source_, "network " + found + ", expected " + expected);
  }

  const nlohmann::json& object_;
  const std::string& source_;
};

inline MlpShape mlp_shape(const nlohmann::json& network, const std::string& source) {
  const NetworkObject object(network, source, {"kind", "inputs", "hidden", "classes"});
  const nlohmann::json& hidden = network["hidden"];
  if (!hidden.is_array() || hidden.size() > kMaxHiddenLayers) {
    object.refuse_value("hidden", "a list of at most " + std::to_string(kMaxHiddenLayers) + " layers");
  }
  MlpShape shape{.inputs = object.size("inputs", 1, kMostPixels)};
  for (const nlohmann::json& entry : hidden) {
    const NetworkObject layer(entry, source, {"units", "activation", "dropout"});
    shape.dense(layer.size("units"))
        .activation(layer.word("activation", kActivationNames))
        .dropout(layer.rate("dropout"));
  }
  shape.dense(object.size("classes"));
  return shape;
}

inline CnnShape cnn_shape(const nlohmann::json& network, const std::string& source) {
  const NetworkObject object(network, source, {"kind", "height", "width", "filters", "kernel", "classes"});
  const CnnShape shape{.height = object.size("height", 2, kLargestImageSide),
                       .width = object.size("width", 2, kLargestImageSide),
                       .filters = object.size("filters"),
                       .kernel = object.size("kernel"),
                       .classes = object.size("classes")};
  if (!CnnShape::is_kernel(shape.kernel)) object.refuse_value("kernel", "3, 5 or 7");
  return shape;
}

inline AttentionShape attention_shape(const nlohmann::json& network, const std::string& source) {
  const NetworkObject object(
      network, source,
      {"kind", "height", "width", "patch", "d_model", "ff_dim", "heads", "position", "classes"});
  const AttentionShape shape{.height = object.size("height", 1, kLargestImageSide),
                             .width = object.size("width", 1, kLargestImageSide),
                             .patch = object.size("patch"),
                             .d_model = object.size("d_model"),
                             .ff = object.size("ff_dim"),
                             .heads = object.size("heads"),
                             .classes = object.size("classes"),
                             .position = object.word("position", kPositionNames)};
  shape.check(source);
  if (shape.heads > kMaxHeads || shape.d_model % shape.heads != 0) {
    object.refuse_value("heads", "a divisor of d_model, at most " + std::to_string(kMaxHeads));
  }
  return shape;
}

}  // namespace detail

// The network that network_json() described. Throws Error, naming `source`, if this is anything else.
inline AnyShape network_shape(const nlohmann::json& network, const std::string& source) {
  const auto kind = network.is_object() ? network.find("kind") : network.end();
  if (kind != network.end() && *kind == "mlp") return detail::mlp_shape(network, source);
  if (kind != network.end() && *kind == "cnn") return detail::cnn_shape(network, source);
  if (kind != network.end() && *kind == "attention_pool") return detail::attention_shape(network, source);
  throw Error(source, "network has kind " + (kind == network.end() ? "none" : json_in_brief(*kind)) +
                          ", expected mlp, cnn or attention_pool");
}

// Throws Error, naming `source`, if no model file may hold this network.
template <class Shape>
void check_limits(const Shape& shape, const std::string& source) {
  network_shape(network_json(shape), source);
}

}  // namespace nn
