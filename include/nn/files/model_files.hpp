// Networks to and from files: .safetensors, which can hold every one, and .bin (bin_files.hpp).
//
// The .safetensors has a float32 tensor (float16 is read, too) for each of network.state(), of the same name
// and shape, and metadata "format": "nn.model", "network", which is network.json(), and "signature"
// (signature.hpp), which need not be there. There may be more metadata, and more tensors. Files of before
// networks were chains are read, too (older_files.hpp).
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "nn/data/preparation.hpp"
#include "nn/files/read_file.hpp"
#include "nn/files/safetensors.hpp"
#include "nn/network.hpp"

namespace nn {

bool names_safetensors(const std::string& path);

// Throws Error if save_model() could not put this network into a file of this name.
void check_savable(const Network& network, const std::string& path);

// As the path's ending says: .safetensors, else .bin, which has no place for metadata. Returns the file's
// size in bytes. Throws Error if it cannot be written or cannot hold the network.
std::size_t save_model(const Network& network, const std::string& path,
                       const std::map<std::string, std::string>& metadata = {});

// What a model file says.
struct StoredModel {
  Network network;
  std::vector<std::string> class_names;  // (K), "0", "1", ... if it has none
  Preparation preparation{};             // of its pictures: as MNIST's if it does not say
  bool transpose = false;                // trained with --transpose: rows and columns of images are swapped
  std::string signature{};               // as the file says, "" if it does not
};

// A file of either format, told by its content. Throws Error if it is no whole model.
StoredModel read_stored_model(InputFile file);

// The network of a file. Throws Error, too, if the file is missing.
Network load_model(const std::string& path);

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
