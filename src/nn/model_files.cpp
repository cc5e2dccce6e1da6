#include "nn/files/model_files.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

#include "nn/core/error.hpp"
#include "nn/data/class_names.hpp"
#include "nn/files/bin_files.hpp"
#include "nn/files/json.hpp"
#include "nn/files/older_files.hpp"
#include "nn/files/signature.hpp"

namespace nn {

namespace {

// The metadata "network".
nlohmann::json description(const Safetensors& file) {
  if (file.text("format") != "nn.model") {
    throw Error(file.path(), "its metadata has no \"format\": \"nn.model\", expected a model");
  }
  nlohmann::json network = parse_json(file.text("network"));
  if (network.is_discarded())
    throw Error(file.path(), "network is not JSON, expected a network's description");
  return network;
}

// SafeTensors begin with a length far below 2^32, in 64 bits; a .bin with two sizes in 32 bits, neither 0.
bool is_safetensors(const InputFile& file) {
  std::array<std::uint8_t, 8> start{};
  if (file.size() < start.size()) return false;
  file.read_at(0, start.data(), start.size());
  return std::ranges::all_of(std::span(start).last(4), [](std::uint8_t b) { return b == 0; });
}

bool is_list_of_names(const nlohmann::json& json, std::size_t classes) {
  return json.is_array() && json.size() == classes &&
         std::ranges::all_of(json, [](const nlohmann::json& name) {
           return name.is_string() && is_class_name(name.get_ref<const std::string&>());
         });
}

std::vector<std::string> class_names_of(const Safetensors& file, std::size_t classes) {
  const auto found = file.metadata().find("class_names");
  if (found == file.metadata().end()) return numbers_as_names(classes);
  const nlohmann::json list = parse_json(found->second);
  if (!is_list_of_names(list, classes)) {
    throw Error(file.path(), "its metadata \"class_names\" is something else, expected a JSON list of " +
                                 std::to_string(classes) + " names");
  }
  return list.get<std::vector<std::string>>();
}

Preparation preparation_of(const Safetensors& file) {
  const auto found = file.metadata().find("preparation");
  if (found == file.metadata().end()) return {};
  return parse_preparation(found->second, file.path() + ": its metadata \"preparation\"");
}

// The settings of the training are for people to read: of another form, they say nothing.
bool is_transposed(const Safetensors& file) {
  const nlohmann::json options = parse_json(file.text("options"));
  return options.is_object() && options.value("transpose", nlohmann::json()) == true;
}

}  // namespace

bool names_safetensors(const std::string& path) {
  return path.ends_with(".safetensors");
}

void check_savable(const Network& network, const std::string& path) {
  if (names_safetensors(path) || !unsupported_by_bin(network)) return;
  throw Error(path, "found a network that a .bin cannot hold, " + network.text() + " for " +
                        network.pixels_text() + ", expected a path that ends in .safetensors");
}

void add_network(SafetensorsWriter& file, const Network& network) {
  file.metadata("format", "nn.model");
  file.metadata("network", json_text(network.json()));
  file.metadata("signature", signature(network));
  for (const Tensor* t : network.state()) file.tensor(t->name, t->shape, t->value);
}

std::size_t save_model(const Network& network, const std::string& path,
                       const std::map<std::string, std::string>& metadata) {
  check_savable(network, path);
  if (!names_safetensors(path)) return save_bin(network, path);
  SafetensorsWriter file;
  for (const auto& [key, text] : metadata) file.metadata(key, text);
  add_network(file, network);
  return file.save(path);
}

Network read_network(const Safetensors& file) {
  nlohmann::json json = description(file);
  if (is_older(json)) json = chain_of_older(json, file.path());
  NetworkBuilder network = network_of_json(json, file.path());
  std::size_t bytes = 0;  // as float32
  for (const auto& [name, tensor] : file.tensors()) {
    bytes += (tensor.end - tensor.begin) * (tensor.dtype == "F16" ? 2 : 1);
  }
  const std::size_t expected = sizeof(float) * network.parameters();
  if (bytes < expected) {
    throw Error(file.path(), std::to_string(bytes) + " bytes of values, expected at least " +
                                 std::to_string(expected) + " for its network");
  }
  return std::move(network).build();
}

void read_finite(const Safetensors& file, const std::string& name, std::span<const std::size_t> shape,
                 std::span<float> values) {
  file.read_floats(name, shape, values);
  if (!finite(std::span<const float>(values))) {
    throw Error(file.path(),
                "tensor \"" + name + "\" holds a NaN or an infinite value, expected finite numbers");
  }
}

void read_weights(const Safetensors& file, Network& network) {
  const nlohmann::json json = description(file);
  if (is_older(json)) return read_older_weights(file, json, network);
  for (Tensor* t : network.state()) read_finite(file, t->name, t->shape, t->value);
}

StoredModel read_stored_model(InputFile file) {
  if (!is_safetensors(file)) {
    Network network = load_bin(std::move(file));
    std::vector<std::string> names = numbers_as_names(network.classes());
    return {std::move(network), std::move(names)};
  }
  const Safetensors tensors(std::move(file));
  Network network = read_network(tensors);
  read_weights(tensors, network);
  std::vector<std::string> names = class_names_of(tensors, network.classes());
  return {std::move(network), std::move(names), preparation_of(tensors), is_transposed(tensors),
          tensors.text("signature")};
}

Network load_model(const std::string& path) {
  return read_stored_model(InputFile(path)).network;
}

}  // namespace nn
