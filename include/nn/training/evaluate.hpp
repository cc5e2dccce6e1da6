// How well a model does on images.
#pragma once

#include <cstdint>
#include <span>

#include "nn/core/parallel.hpp"
#include "nn/data/batches.hpp"
#include "nn/data/dataset.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/models/model.hpp"

namespace nn {

struct Evaluation {
  std::size_t correct = 0, images = 0;
  double loss = 0;                                                                                // mean
  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(images); }  // 0 .. 1
};

// Accuracy and loss on the images of a data set that `order` names.
template <Model M>
Evaluation evaluate(M& model, const Dataset& data, std::span<const std::uint32_t> order, ThreadTeam& team) {
  constexpr std::size_t batch_size = 64;
  Batches batches(data, order, batch_size);
  const std::size_t classes = model.classes();
  Floats dlogits(batch_size * classes);
  Evaluation result{.correct = 0, .images = order.size(), .loss = 0};
  for (std::size_t b = 0; b < batches.count(); ++b) {
    const Batch batch = batches.batch(b, team);
    const std::span<const float> logits = model.forward(batch, team);
    result.loss += softmax_cross_entropy(logits, batch.labels, std::span(dlogits).first(logits.size()));
    for (std::size_t s = 0; s < batch.size; ++s) {
      result.correct += argmax(logits.subspan(s * classes, classes)) == batch.labels[s];
    }
  }
  result.loss /= static_cast<double>(order.size());
  return result;
}

template <Model M>
Evaluation evaluate(M& model, const Dataset& data, ThreadTeam& team) {
  return evaluate(model, data, all_images(data), team);
}

}  // namespace nn
