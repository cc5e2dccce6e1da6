#include "nn/files/model_files.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "nn/core/error.hpp"
#include "nn/files/bin_files.hpp"
#include "nn/files/json.hpp"
#include "nn/files/older_files.hpp"

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

}  // namespace

bool names_safetensors(const std::string& path) {
  return path.ends_with(".safetensors");
}

// SafeTensors begin with a length far below 2^32, in 64 bits; a .bin with two sizes in 32 bits, neither 0.
bool holds_safetensors(const std::string& path) {
  std::array<char, 8> start{};
  std::error_code unknown;  // is no file
  return std::filesystem::is_regular_file(path, unknown) &&
         std::ifstream(path, std::ios::binary).read(start.data(), start.size()) &&
         std::ranges::all_of(std::span(start).last(4), [](char c) { return c == 0; });
}

void check_savable(const Network& network, const std::string& path) {
  if (names_safetensors(path) || !unsupported_by_bin(network)) return;
  throw Error(path, "found a network that a .bin cannot hold, " + network.text() + " for " +
                        network.pixels_text() + ", expected a path that ends in .safetensors");
}

void add_network(SafetensorsWriter& file, const Network& network) {
  file.metadata("format", "nn.model");
  file.metadata("network", json_text(network.json()));
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
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : file.tensors()) bytes += tensor.end - tensor.begin;
  const std::size_t expected = sizeof(float) * network.parameters();
  if (bytes < expected) {
    throw Error(file.path(), std::to_string(bytes) + " bytes of values, expected at least " +
                                 std::to_string(expected) + " for its network");
  }
  return std::move(network).build();
}

void read_finite(const Safetensors& file, const std::string& name, std::span<const std::size_t> shape,
                 std::span<float> values) {
  file.read(name, shape, values);
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

Network load_model(const std::string& path) {
  if (!holds_safetensors(path)) return load_bin(path);
  const Safetensors file(path);
  Network network = read_network(file);
  read_weights(file, network);
  return network;
}

}  // namespace nn
