#include "nn/recognizer/explanation.hpp"

#include <cmath>
#include <memory>

#include "nn/layers/attention.hpp"
#include "nn/layers/patches.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"

namespace nn {

namespace {

template <class L>
L* first_of(const std::vector<std::unique_ptr<Layer>>& layers) {
  for (const auto& layer : layers) {
    if (auto* found = dynamic_cast<L*>(layer.get())) return found;
    if (!layer->inner()) continue;
    if (auto* found = first_of<L>(*layer->inner())) return found;
  }
  return nullptr;
}

void add_attention(Explanation& result, const Network& network) {
  auto* attention = first_of<Attention>(network.layers());
  if (!attention) return;
  const std::size_t S = attention->p(0, 0).rows;
  result.heads = attention->heads;
  result.tokens = S;
  for (std::size_t h = 0; h < attention->heads; ++h) {
    const Matrix p = attention->p(0, h);
    for (std::size_t i = 0; i < S; ++i) {
      const float* const row = p.data + i * p.stride;
      result.attention.insert(result.attention.end(), row, row + S);
    }
  }
  const auto* patches = dynamic_cast<const Patches*>(network.layers().front().get());
  if (patches && patches->tokens() == S) result.patch = patches->patch;
}

Explanation explain_layers(Network& network, std::span<const std::uint8_t> pixels, ThreadTeam& team) {
  const Batch batch{.size = 1, .pixels = pixels, .labels = {}};
  const Pass pass{team};
  const std::span<const float> logits = network.forward(batch, pass);
  Explanation result{.label = argmax(logits)};
  add_attention(result, network);

  // log(p / (1 - p)) = z_label - log sum of the other exp z; unlike p, it has a slope where p is near 1.
  std::vector<float> d(logits.begin(), logits.end());
  d[result.label] = -HUGE_VALF;
  softmax(d);
  for (float& v : d) v = -v;
  d[result.label] = 1.0f;
  const std::span<const float> dx = network.backward_to_pixels(batch, d, pass);
  result.saliency.assign(dx.begin(), dx.end());
  return result;
}

}  // namespace

Explanation explain(Network& network, std::span<const std::uint8_t> pixels, ThreadTeam& team) {
  network.use_fusions(false);
  try {
    Explanation result = explain_layers(network, pixels, team);
    network.use_fusions(true);
    return result;
  } catch (...) {
    network.use_fusions(true);
    throw;
  }
}

}  // namespace nn
