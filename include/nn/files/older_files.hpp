// The .safetensors of before networks were chains of layers. Their "network" is one of
//
//   {"kind": "mlp", "inputs": 784, "hidden": [{"units": 256, "activation": "relu", "dropout": 0.2}, ...],
//    "classes": 10}
//   {"kind": "cnn", "height": 28, "width": 28, "filters": 8, "kernel": 3, "classes": 10}
//   {"kind": "attention_pool", "height": 28, "width": 28, "patch": 4, "d_model": 64, "ff_dim": 128, "heads":
//   1,
//    "position": "sinusoidal", "classes": 10}
//
// with the activation and the position "none", too, and these tensors:
//
//   mlp              W1 b1 W2 b2 ...
//   cnn              conv.weight (F, K*K), conv.bias, fc.weight, fc.bias
//   attention_pool   Wp bp pos Wq bq Wk bk Wv bv W1 b1 W2 b2 Wcls bcls; pos also without positions, unused
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "nn/files/safetensors.hpp"
#include "nn/network.hpp"

namespace nn {

bool is_older(const nlohmann::json& network);

// The same network as a chain, which network_of_json() checks. Throws Error, naming `source`, if it has other
// keys.
nlohmann::json chain_of_older(const nlohmann::json& network, const std::string& source);

// Throws Error as read_weights() does.
void read_older_weights(const Safetensors& file, const nlohmann::json& description, Network& network);

}  // namespace nn
