// Model files: .bin (bin_files.hpp), or .safetensors, which can say every network.
//
// The .safetensors has a float32 tensor for each of model.tensors(), of the same name and shape, and metadata
// "format": "nn.model" and "network" (network_json.hpp). There may be more metadata, and more tensors.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "nn/core/error.hpp"
#include "nn/files/json.hpp"
#include "nn/files/safetensors.hpp"
#include "nn/models/any_model.hpp"
#include "nn/models/bin_files.hpp"
#include "nn/models/network_json.hpp"

namespace nn {

inline bool names_safetensors(const std::string& path) {
  return path.ends_with(".safetensors");
}

// Throws Error if save_model() could not say this network in a file of this name.
template <class M>
void check_savable(const M& model, const std::string& path) {
  const std::string beyond = beyond_bin(model.shape());
  if (names_safetensors(path) || beyond.empty()) return;
  throw Error(path, "the network has " + beyond +
                        ", which a .bin cannot say, expected a path that ends in .safetensors");
}

// Adds what makes the file a model's.
template <class M>
void add_model(SafetensorsWriter& file, M& model) {
  file.metadata("format", "nn.model");
  file.metadata("network", network_json(model.shape()).dump());
  for (const Tensor* t : model.tensors()) file.tensor(t->name, t->shape, t->value);
}

// As the path's ending says: .safetensors, else .bin, which has no place for metadata. Returns the file's
// size in bytes. Throws Error if it cannot be written or cannot say the network.
template <class M>
std::size_t save_model(M& model, const std::string& path,
                       const std::map<std::string, std::string>& metadata = {}) {
  check_savable(model, path);
  if (!names_safetensors(path)) return save_bin(model, path);
  SafetensorsWriter file;
  for (const auto& [key, text] : metadata) file.metadata(key, text);
  add_model(file, model);
  return file.save(path);
}

// The network in a file of add_model(). Throws Error if there is none, or if the file is too small for it.
inline AnyShape read_network(const Safetensors& file) {
  const auto metadata = [&](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? "" : found->second;
  };
  if (metadata("format") != "nn.model") {
    throw Error(file.path(), "its metadata has no \"format\": \"nn.model\", expected a model");
  }
  const nlohmann::json network = parse_json(metadata("network"));
  if (network.is_discarded())
    throw Error(file.path(), "network is not JSON, expected a network's description");
  const AnyShape shape = network_shape(network, file.path());
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : file.tensors()) bytes += tensor.end - tensor.begin;
  const std::size_t expected =
      sizeof(float) * std::visit([](const auto& s) { return s.parameters(); }, shape);
  if (bytes < expected) {
    throw Error(file.path(), std::to_string(bytes) + " bytes of values, expected at least " +
                                 std::to_string(expected) + " for its network");
  }
  return shape;
}

// Throws Error if a tensor is missing, has another shape, or holds a NaN or an infinite value.
template <class M>
void read_weights(const Safetensors& file, M& model) {
  for (Tensor* t : model.tensors()) {
    file.read(t->name, t->shape, std::span<float>(t->value));
    if (!finite(std::span<const float>(t->value))) {
      throw Error(file.path(),
                  "tensor \"" + t->name + "\" holds a NaN or an infinite value, expected finite numbers");
    }
  }
}

// Which format a file has, by its content: SafeTensors begin with a length far below 2^32, in 64 bits; a .bin
// with two sizes in 32 bits, neither 0.
inline bool holds_safetensors(const std::string& path) {
  std::array<char, 8> start{};
  std::error_code unknown;  // is no file
  return std::filesystem::is_regular_file(path, unknown) &&
         std::ifstream(path, std::ios::binary).read(start.data(), start.size()) &&
         std::ranges::all_of(std::span(start).last(4), [](char c) { return c == 0; });
}

// A model of either format. Throws Error if the file is missing or no whole model.
inline AnyModel load_model(const std::string& path) {
  if (!holds_safetensors(path)) return load_bin(path);
  const Safetensors file(path);
  AnyModel model = make_model(read_network(file));
  std::visit([&](auto& m) { read_weights(file, m); }, model);
  return model;
}

}  // namespace nn
