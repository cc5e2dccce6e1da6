#include "nn/files/signature.hpp"

#include <bit>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <utility>
#include <vector>

#define XXH_INLINE_ALL  // nothing to link with
#include <xxhash.h>

#include <nlohmann/json.hpp>

#include "nn/files/json.hpp"
#include "nn/files/safetensors.hpp"
#include "nn/network.hpp"
#include "nn/xor_net.hpp"

namespace nn {

namespace {

static_assert(std::endian::native == std::endian::little, "values are hashed as they lie in memory");

class Hash {
 public:
  Hash() { XXH3_64bits_reset(&state_); }
  void add(const std::string& text) { XXH3_64bits_update(&state_, text.c_str(), text.size() + 1); }
  template <class T>
  void add(std::span<const T> values) {
    XXH3_64bits_update(&state_, values.data(), values.size_bytes());
  }
  std::string digits() const {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(XXH3_64bits_digest(&state_)));
    return text;
  }

 private:
  XXH3_state_t state_;
};

// Of the JSON of a chain, what decides the output of a trained network.
nlohmann::json without_training(const nlohmann::json& layers) {
  nlohmann::json kept = nlohmann::json::array();
  for (nlohmann::json layer : layers) {
    if (layer["layer"] == "dropout") continue;
    if (layer["layer"] == "position") layer.erase("start");
    if (layer.contains("layers")) layer["layers"] = without_training(layer["layers"]);
    kept.push_back(std::move(layer));
  }
  return kept;
}

}  // namespace

std::string signature(const Network& network) {
  Hash hash;
  hash.add(json_text(without_training(network.json()["layers"])));
  for (const Tensor* t : network.state()) {
    hash.add(t->name + " " + shape_text(t->shape));
    hash.add(std::span<const float>(t->value));
  }
  return hash.digits();
}

std::string signature(const XorNet& net) {
  Hash hash;
  for (const std::vector<double>* values : {&net.w1, &net.b1, &net.w2})
    hash.add(std::span<const double>(*values));
  hash.add(std::span<const double>(&net.b2, 1));
  return hash.digits();
}

}  // namespace nn
