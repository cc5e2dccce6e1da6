#include "nn/training/evaluate.hpp"

#include <cmath>

#include "nn/data/batches.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"

namespace nn {

std::vector<Prediction> predictions(std::span<Network> networks, const Dataset& data,
                                    std::span<const std::uint32_t> order, ThreadTeam& team) {
  Batches batches(data, order, 64);
  std::vector<Prediction> all;
  all.reserve(order.size());
  const std::size_t K = networks.front().classes();
  for (std::size_t b = 0; b < batches.count(); ++b) {
    const Batch batch = batches.batch(b, team);
    const std::vector<float> log_p = log_probabilities(networks, batch, team);
    for (std::size_t s = 0; s < batch.size; ++s) {
      const auto of_image = std::span(log_p).subspan(s * K, K);
      const std::size_t predicted = argmax(of_image);
      all.push_back({.label = batch.labels[s],
                     .predicted = predicted,
                     .confidence = std::exp(of_image[predicted]),
                     .loss = -of_image[batch.labels[s]]});
    }
  }
  return all;
}

std::vector<Prediction> predictions(std::span<Network> networks, const Dataset& data, ThreadTeam& team) {
  return predictions(networks, data, all_images(data), team);
}

Evaluation evaluate(Network& network, const Dataset& data, std::span<const std::uint32_t> order,
                    ThreadTeam& team) {
  Evaluation result{.correct = 0, .images = order.size(), .loss = 0};
  for (const Prediction& p : predictions({&network, 1}, data, order, team)) {
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
