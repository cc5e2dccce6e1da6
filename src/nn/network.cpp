#include "nn/network.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <map>
#include <utility>

#include "nn/core/sgd_step.hpp"
#include "nn/data/images.hpp"
#include "nn/data/intensity.hpp"
#include "nn/layers/all_layers.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"

namespace nn {

namespace {

using Layers = std::vector<std::unique_ptr<Layer>>;

// Calls f(layer) for a layer and all inside of it, or for all of a chain, in order.
template <class F>
void for_layers(Layer& layer, F f) {
  f(layer);
  if (!layer.inner()) return;
  for (const auto& each : *layer.inner()) for_layers(*each, f);
}
template <class F>
void for_layers(const Layers& layers, F f) {
  for (const auto& layer : layers) for_layers(*layer, f);
}

// Its tensors and buffers.
std::vector<Tensor*> state_of(Layer& layer) {
  std::vector<Tensor*> all = layer.tensors();
  for (Tensor* t : layer.buffers()) all.push_back(t);
  return all;
}

}  // namespace

Network::Network(Shape input, Layers layers)
    : input_(std::move(input)), chain_(input_, std::move(layers), true) {
  std::map<std::string, std::size_t> numbers;  // of the layers of a name
  std::size_t dropouts = 0;
  for_layers(chain_.layers(), [&](Layer& layer) {
    std::string name = layer.name();
    std::ranges::replace(name, '-', '_');
    const std::string prefix = name + std::to_string(++numbers[name]) + ".";
    for (Tensor* t : state_of(layer)) t->name = prefix + t->name;
    if (auto* dropout = dynamic_cast<Dropout*>(&layer)) dropout->number = dropouts++;
  });
  for (Tensor* t : state()) t->allocate();
  use_fusions(true);
}

bool Network::takes(std::size_t rows, std::size_t cols) const {
  return input_.is_image() ? rows == input_.height() && cols == input_.width() : rows * cols == pixels();
}

std::string Network::pixels_text() const {
  if (!input_.is_image()) return std::to_string(pixels()) + " pixels";
  return std::to_string(input_.height()) + " x " + std::to_string(input_.width()) + " pixels";
}

std::vector<Tensor*> Network::tensors() const {
  std::vector<Tensor*> all;
  for_layers(chain_.layers(), [&](Layer& layer) {
    for (Tensor* t : layer.tensors()) all.push_back(t);
  });
  return all;
}

std::vector<Tensor*> Network::state() const {
  std::vector<Tensor*> all;
  for_layers(chain_.layers(), [&](Layer& layer) {
    for (Tensor* t : state_of(layer)) all.push_back(t);
  });
  return all;
}

std::size_t Network::parameters() const {
  std::size_t count = 0;
  for (const Tensor* t : tensors()) count += t->elements();
  return count;
}

void Network::use_fusions(bool use) {
  uses_fusions_ = use;
  chain_.use_fusions(use);
  step_after_ = tensors();
  for (Fusion* fusion : chain_.fusions()) {
    for (const Tensor* t : fusion->stepped()) std::erase(step_after_, t);
  }
}

std::vector<std::string> Network::fusions() const {
  std::vector<std::string> names;
  for (const Fusion* fusion : chain_.fusions()) names.emplace_back(fusion->name());
  return names;
}

void Network::reserve(std::size_t batch) {
  chain_.reserve(batch);
}

// The images as numbers, x (B, pixels); no data where the first stage reads bytes.
ConstMatrix Network::input_of(const Batch& batch, ThreadTeam& team) {
  assert(batch.pixels.size() == batch.size * pixels());
  if (chain_.reads_bytes()) return {nullptr, batch.size, pixels(), pixels(), false};
  if (x_.size() < batch.pixels.size()) x_ = Floats(batch.pixels.size());
  for_row_blocks(team, batch.size, pixels(), [&](std::size_t first, std::size_t count) {
    for (std::size_t i = first * pixels(); i < (first + count) * pixels(); ++i)
      x_[i] = kIntensity[batch.pixels[i]];
  });
  return mat(x_, batch.size, pixels());
}

Pass Network::complete(const Batch& batch, const Pass& pass, std::optional<float> sgd_rate) const {
  Pass full = pass;
  full.seed = seed_;
  full.images = &batch;
  full.sgd_rate = sgd_rate;
  return full;
}

std::span<const float> Network::forward(const Batch& batch, const Pass& pass) {
  const ConstMatrix logits = chain_.forward(input_of(batch, pass.team), complete(batch, pass));
  return {logits.data, logits.rows * logits.cols};
}

void Network::backward(const Batch& batch, std::span<const float> dlogits, const Pass& pass) {
  for (Tensor* t : tensors()) t->make_grad();
  chain_.backward(last_input(batch), mat(dlogits, batch.size, classes()), {}, complete(batch, pass));
}

std::span<const float> Network::backward_to_pixels(const Batch& batch, std::span<const float> dlogits,
                                                   const Pass& pass) {
  assert(chain_.fusions().empty());
  for (Tensor* t : tensors()) t->make_grad();
  dx_.resize(batch.size * pixels());
  chain_.backward(last_input(batch), mat(dlogits, batch.size, classes()), mat(dx_, batch.size, pixels()),
                  complete(batch, pass));
  return dx_;
}

void Network::backward_and_step(const Batch& batch, std::span<const float> dlogits, float rate,
                                const Pass& pass) {
  for (Tensor* t : step_after_) t->make_grad();
  chain_.backward(last_input(batch), mat(dlogits, batch.size, classes()), {}, complete(batch, pass, rate));
  for (Tensor* t : step_after_) sgd_step(*t, rate, pass.team);
}

// What input_of() returned.
ConstMatrix Network::last_input(const Batch& batch) const {
  return {chain_.reads_bytes() ? nullptr : x_.data(), batch.size, pixels(), pixels(), false};
}

// --- The builder

NetworkBuilder Network::input(std::size_t pixels) {
  return NetworkBuilder({pixels});
}

NetworkBuilder Network::input(std::size_t rows, std::size_t cols) {
  return NetworkBuilder({rows, cols, 1});
}

NetworkBuilder::NetworkBuilder(const Shape& input, std::string source)
    : input_(input), shape_(input), source_(std::move(source)) {}

NetworkBuilder&& NetworkBuilder::add(std::unique_ptr<Layer> layer) && {
  try {
    const Shape in = shape_;
    shape_ = layer->output(in);
    if (shape_.size() > kMaxActivations) {
      throw Error(layer->name(), "found " + shape_.text() + " numbers that it makes, expected at most " +
                                     std::to_string(kMaxActivations));
    }
    layer->prepare(in);
    layers_.push_back(std::move(layer));
  } catch (const Error& error) {
    throw Error(source_, "layer " + std::to_string(layers_.size() + 1) + ", " + error.what());
  }
  for_layers(*layers_.back(), [&](Layer& each) {
    if (++layer_count_ > kMaxLayers) {
      throw Error(source_,
                  "found more than " + std::to_string(kMaxLayers) + " layers, expected at most as many");
    }
    for (const Tensor* t : state_of(each)) {
      parameters_ += t->elements();
      if (t->elements() <= kMaxTensor) continue;
      throw Error(source_, "layer " + std::to_string(layers_.size()) + ", " + each.name() + ": found " +
                               std::to_string(t->elements()) + " parameters, expected at most " +
                               std::to_string(kMaxTensor));
    }
  });
  return std::move(*this);
}

NetworkBuilder&& NetworkBuilder::conv2d(std::size_t filters, std::size_t kernel, std::size_t stride,
                                        bool valid) && {
  return std::move(*this).add(Conv2d(filters, kernel, stride, valid));
}
NetworkBuilder&& NetworkBuilder::max_pool(std::size_t size) && {
  return std::move(*this).add(MaxPool(size));
}
NetworkBuilder&& NetworkBuilder::avg_pool(std::size_t size) && {
  return std::move(*this).add(AvgPool(size));
}
NetworkBuilder&& NetworkBuilder::global_avg_pool() && {
  return std::move(*this).add(GlobalAvgPool());
}
NetworkBuilder&& NetworkBuilder::flatten() && {
  return std::move(*this).add(Flatten());
}
NetworkBuilder&& NetworkBuilder::dense(std::size_t units) && {
  return std::move(*this).add(Dense(units));
}
NetworkBuilder&& NetworkBuilder::relu() && {
  return std::move(*this).add(Relu());
}
NetworkBuilder&& NetworkBuilder::leaky_relu() && {
  return std::move(*this).add(LeakyRelu());
}
NetworkBuilder&& NetworkBuilder::sigmoid() && {
  return std::move(*this).add(Sigmoid());
}
NetworkBuilder&& NetworkBuilder::tanh() && {
  return std::move(*this).add(Tanh());
}
NetworkBuilder&& NetworkBuilder::gelu() && {
  return std::move(*this).add(Gelu());
}
NetworkBuilder&& NetworkBuilder::dropout(double rate) && {
  return std::move(*this).add(Dropout(rate));
}
NetworkBuilder&& NetworkBuilder::batch_norm() && {
  return std::move(*this).add(BatchNorm());
}
NetworkBuilder&& NetworkBuilder::layer_norm() && {
  return std::move(*this).add(LayerNorm());
}
NetworkBuilder&& NetworkBuilder::patches(std::size_t patch, std::size_t width) && {
  return std::move(*this).add(Patches(patch, width));
}
NetworkBuilder&& NetworkBuilder::position(PositionStart start) && {
  return std::move(*this).add(Position(start));
}
NetworkBuilder&& NetworkBuilder::attention(std::size_t heads, bool projection) && {
  return std::move(*this).add(Attention(heads, projection));
}
NetworkBuilder&& NetworkBuilder::mean() && {
  return std::move(*this).add(Mean());
}

NetworkBuilder&& NetworkBuilder::residual(const std::function<NetworkBuilder(NetworkBuilder)>& inner) && {
  return std::move(*this).add(Residual(inner(NetworkBuilder(shape_, source_)).layers_));
}

Network NetworkBuilder::build() && {
  if (!shape_.is_vector() || shape_.size() > kMaxLayerSize) {
    throw Error(source_, "the last layer makes " + shape_.text() + " numbers, expected a vector of at most " +
                             std::to_string(kMaxLayerSize) + ", one for each class, as dense makes it");
  }
  return Network(input_, std::move(layers_));
}

Network NetworkBuilder::build(SimpleRng& rng, Init init) && {
  Network network = std::move(*this).build();
  network.seed_ = rng.state();
  for (const auto& layer : network.layers()) layer->draw(init, rng);
  return network;
}

std::vector<float> log_probabilities(std::span<Network> networks, const Batch& batch, ThreadTeam& team) {
  const std::size_t K = networks.front().classes();
  std::vector<float> log_p(batch.size * K), row(K);
  for (Network& network : networks) {
    const std::span<const float> logits = network.forward(batch, {team});
    for (std::size_t s = 0; s < batch.size; ++s) {
      const std::span<const float> z = logits.subspan(s * K, K);
      row.assign(z.begin(), z.end());
      const float log_sum = softmax(row);
      for (std::size_t k = 0; k < K; ++k) {
        float& all = log_p[s * K + k];
        const float one = z[k] - log_sum;
        // log(exp(all) + exp(one)), without an overflow
        all = &network == &networks.front() ? one
                                            : std::max(all, one) + std::log1p(std::exp(-std::abs(all - one)));
      }
    }
  }
  const float log_networks = std::log(static_cast<float>(networks.size()));
  for (float& v : log_p) v -= log_networks;
  return log_p;
}

}  // namespace nn
