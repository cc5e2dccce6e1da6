// Network: a chain of layers, and data.
//
//   Network net = Network::input(28, 28).conv2d(16, 3).relu().max_pool(2).dense(10).build(rng);
//   Network net = parse_network("conv 16 3x3, relu, max-pool 2, dense 10", {28, 28, 1},
//   "--layers").build(rng);
//
// The layers are the definition (layers/). What runs are stages: a layer each, or a fusion of several
// (fusions/), which has the same result. Nothing outside of this file knows which.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/core/shape.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/batch.hpp"
#include "nn/layers/chain.hpp"
#include "nn/layers/init.hpp"
#include "nn/layers/layer.hpp"
#include "nn/layers/position.hpp"

namespace nn {

class NetworkBuilder;

class Network {
 public:
  // What a network takes: `pixels` in a row, or the grey image that they are. Both are bytes, pixel = byte /
  // 255.
  static NetworkBuilder input(std::size_t pixels);
  static NetworkBuilder input(std::size_t rows, std::size_t cols);

  const Shape& input_shape() const { return input_; }
  std::size_t pixels() const { return input_.size(); }
  std::size_t classes() const { return chain_.output().size(); }  // K

  // Whether it takes images of this size: of pixels in a row only their number counts.
  bool takes(std::size_t rows, std::size_t cols) const;
  // "784 pixels" or "28 x 28 pixels"
  std::string pixels_text() const;

  // The layers as one would type them: "conv 16 3x3, relu, max-pool 2, dense 10".
  std::string text() const;
  // A line for each layer: what it makes, how many parameters it has and how many million FLOP it takes
  // forward.
  std::string table() const;
  // {"input": [28, 28], "layers": [{"layer": "conv", "filters": 16, ...}, ...]}
  nlohmann::json json() const;

  const std::vector<std::unique_ptr<Layer>>& layers() const { return chain_.layers(); }

  // A network with the same layers, weights and dropout masks, and with fusions if this one has them.
  Network clone() const;

  // Every parameter once, in the chain's order; `state`: the buffers (running statistics), too. That is the
  // order of a model file.
  std::vector<Tensor*> tensors() const;
  std::vector<Tensor*> state() const;
  std::size_t parameters() const;  // numbers in tensors()

  // Without: every layer as it is written in layers/. With, which is how a network starts: where fusions
  // apply.
  void use_fusions(bool use);
  // "conv + relu + max-pool + dense": what runs as one, in the chain's order; none without fusions.
  std::vector<std::string> fusions() const;

  // Memory for batches of up to this size, forward; backward takes its own when it is first called.
  void reserve(std::size_t batch);

  // Logits (B, K), which stay valid, with what backward needs, until the next call.
  std::span<const float> forward(const Batch& batch, const Pass& pass);
  // dlogits (B, K) = d(loss)/d(logits) -> the `grad` of every tensor, overwritten. `batch` and `pass` are
  // forward's.
  void backward(const Batch& batch, std::span<const float> dlogits, const Pass& pass);
  // The same, and d(loss)/d(pixel) of pixels in 0 .. 1, (B, pixels), valid until the next call. Only without
  // fusions: some have no use for the pixels' gradient.
  std::span<const float> backward_to_pixels(const Batch& batch, std::span<const float> dlogits,
                                            const Pass& pass);
  // backward() and value -= rate grad for every tensor, in fewer passes over memory; `grad` is left
  // undefined.
  void backward_and_step(const Batch& batch, std::span<const float> dlogits, float rate, const Pass& pass);

 private:
  friend class NetworkBuilder;
  Network(Shape input, std::vector<std::unique_ptr<Layer>> layers);
  ConstMatrix input_of(const Batch& batch, ThreadTeam& team);
  ConstMatrix last_input(const Batch& batch) const;
  Pass complete(const Batch& batch, const Pass& pass, std::optional<float> sgd_rate = {}) const;

  Shape input_;
  Chain chain_;
  bool uses_fusions_ = true;
  std::uint64_t seed_ = 0;           // of dropout's masks
  Floats x_;                         // (B, pixels), for a first stage that takes floats
  Floats dx_;                        // (B, pixels), of backward_to_pixels()
  std::vector<Tensor*> step_after_;  // those that no fusion's backward steps itself
};

// (B, K): the logarithms of the probabilities of the classes. Several networks, which take the same images
// and have the same classes, are an ensemble: the mean of their probabilities counts. NaN where logits are
// NaN or infinite.
std::vector<float> log_probabilities(std::span<Network> networks, const Batch& batch, ThreadTeam& team);

// A chain while it is put together. Every call adds a layer, and throws Error if it does not fit what comes
// before.
class NetworkBuilder {
 public:
  // `source`: what messages name, a file or an option.
  explicit NetworkBuilder(const Shape& input, std::string source = "network");

  NetworkBuilder&& add(std::unique_ptr<Layer> layer) &&;
  template <class L>
  NetworkBuilder&& add(L layer) && {
    return std::move(*this).add(std::unique_ptr<Layer>(std::make_unique<L>(std::move(layer))));
  }

  NetworkBuilder&& conv2d(std::size_t filters, std::size_t kernel, std::size_t stride = 1,
                          bool valid = false) &&;
  NetworkBuilder&& max_pool(std::size_t size) &&;
  NetworkBuilder&& avg_pool(std::size_t size) &&;
  NetworkBuilder&& global_avg_pool() &&;
  NetworkBuilder&& flatten() &&;
  NetworkBuilder&& dense(std::size_t units) &&;
  NetworkBuilder&& relu() &&;
  NetworkBuilder&& leaky_relu() &&;
  NetworkBuilder&& sigmoid() &&;
  NetworkBuilder&& tanh() &&;
  NetworkBuilder&& gelu() &&;
  NetworkBuilder&& dropout(double rate) &&;
  NetworkBuilder&& batch_norm() &&;
  NetworkBuilder&& layer_norm() &&;
  NetworkBuilder&& patches(std::size_t patch, std::size_t width) &&;
  NetworkBuilder&& position(PositionStart start) &&;
  NetworkBuilder&& attention(std::size_t heads, bool projection = false) &&;
  NetworkBuilder&& mean() &&;

  // .residual([](NetworkBuilder in) { return std::move(in).layer_norm().attention(4, true); })
  NetworkBuilder&& residual(const std::function<NetworkBuilder(NetworkBuilder)>& inner) &&;

  const Shape& shape() const { return shape_; }           // what the last layer makes
  std::size_t parameters() const { return parameters_; }  // and numbers of buffers

  // Weights drawn from `rng` in the chain's order, biases 0. Where `rng` stands before that decides what
  // dropout drops. Throws Error if the last layer does not make a vector.
  Network build(SimpleRng& rng, Init init = Init::xavier) &&;
  // All parameters 0: a file has others.
  Network build() &&;

 private:
  Shape input_, shape_;
  std::string source_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::size_t layer_count_ = 0, parameters_ = 0;  // with those inside of layers
};

// The text of --layers, in which "dense classes" has `classes` units, if that is not 0. Throws Error, naming
// `source`, with the place in the text and what was expected.
NetworkBuilder parse_network(const std::string& text, const Shape& input, const std::string& source,
                             std::size_t classes = 0);
// The JSON of a model file. Throws Error, naming `source`, if it is anything else or beyond the limits.
NetworkBuilder network_of_json(const nlohmann::json& json, const std::string& source);

}  // namespace nn
