// Networks to and from files: .safetensors, which can hold every one, and .bin (bin_files.hpp).
//
// The .safetensors has a float32 tensor (float16 is read, too) for each of network.state(), of the same name
// and shape, and metadata "format": "nn.model" and "network", which is network.json(). There may be more
// metadata, and more tensors. Files of before networks were chains are read, too (older_files.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "nn/data/preparation.hpp"
#include "nn/files/safetensors.hpp"
#include "nn/network.hpp"

namespace nn {

bool names_safetensors(const std::string& path);

// Which format a file has, by its content.
bool holds_safetensors(const std::string& path);

// Throws Error if save_model() could not put this network into a file of this name.
void check_savable(const Network& network, const std::string& path);

// As the path's ending says: .safetensors, else .bin, which has no place for metadata. Returns the file's
// size in bytes. Throws Error if it cannot be written or cannot hold the network.
std::size_t save_model(const Network& network, const std::string& path,
                       const std::map<std::string, std::string>& metadata = {});

// A network of either format. Throws Error if the file is missing or no whole model.
Network load_model(const std::string& path);

// The same of bytes in memory, which `name` names in messages, with the names of the classes and how pictures
// are prepared for it.
struct StoredModel {
  Network network;
  std::vector<std::string> class_names;  // (K)
  Preparation preparation{};
};
StoredModel load_model(const std::string& name, std::span<const std::uint8_t> bytes);

// What the metadata of the file `path` calls the classes, "0", "1", ... if it says nothing. Throws Error if
// that is no list of a name for each class.
std::vector<std::string> class_names_of(const std::string& path,
                                        const std::map<std::string, std::string>& metadata,
                                        std::size_t classes);

// What they are made of, for checkpoints.

// Adds what makes the file a model's.
void add_network(SafetensorsWriter& file, const Network& network);

// The network of add_network(), with all parameters 0. Throws Error if there is none, or if the file is too
// small for it.
Network read_network(const Safetensors& file);

// Its parameters. Throws Error if a tensor is missing, has another shape, or holds a NaN or an infinite
// value.
void read_weights(const Safetensors& file, Network& network);

// The values of a tensor of this shape; throws as read_weights().
void read_finite(const Safetensors& file, const std::string& name, std::span<const std::size_t> shape,
                 std::span<float> values);

}  // namespace nn
