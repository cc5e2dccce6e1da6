#include "nn/training/evaluate.hpp"

#include "nn/core/tensor.hpp"
#include "nn/data/batches.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"

namespace nn {

std::vector<Prediction> predictions(Network& network, const Dataset& data,
                                    std::span<const std::uint32_t> order, ThreadTeam& team) {
  Batches batches(data, order, 64);
  std::vector<Prediction> all;
  all.reserve(order.size());
  std::vector<float> p(network.classes());
  for (std::size_t b = 0; b < batches.count(); ++b) {
    const Batch batch = batches.batch(b, team);
    const std::span<const float> logits = network.forward(batch, {team});
    for (std::size_t s = 0; s < batch.size; ++s) {
      const std::span<const float> z = logits.subspan(s * p.size(), p.size());
      const std::size_t predicted = argmax(z);
      p.assign(z.begin(), z.end());
      const float log_sum = softmax(p);
      all.push_back({.label = batch.labels[s],
                     .predicted = predicted,
                     .confidence = p[predicted],
                     .loss = log_sum - z[batch.labels[s]]});
    }
  }
  return all;
}

std::vector<Prediction> predictions(Network& network, const Dataset& data, ThreadTeam& team) {
  return predictions(network, data, all_images(data), team);
}

Evaluation evaluate(Network& network, const Dataset& data, std::span<const std::uint32_t> order,
                    ThreadTeam& team) {
  Evaluation result{.correct = 0, .images = order.size(), .loss = 0};
  for (const Prediction& p : predictions(network, data, order, team)) {
    result.correct += p.predicted == p.label;
    result.loss += static_cast<double>(p.loss);
  }
  result.loss /= static_cast<double>(order.size());
  return result;
}

Evaluation evaluate(Network& network, const Dataset& data, ThreadTeam& team) {
  return evaluate(network, data, all_images(data), team);
}

}  // namespace nn
