// What a model answers to every image of a data set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/core/parallel.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/batches.hpp"
#include "nn/data/dataset.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/models/model.hpp"

namespace nn {

struct Answer {
  std::uint8_t label = 0;      // the true class
  std::uint8_t predicted = 0;  // the likeliest
  float confidence = 0;        // the probability of the likeliest
  float loss = 0;              // -log(probability of the true class)
};

// Answer i is to image i. Every label is below the model's number of classes.
template <Model M>
std::vector<Answer> answers(M& model, const Dataset& data, ThreadTeam& team) {
  const std::vector<std::uint32_t> order = all_images(data);
  Batches batches(data, order, 64);
  std::vector<Answer> all;
  all.reserve(data.size());
  std::vector<float> p(model.classes());
  for (std::size_t b = 0; b < batches.count(); ++b) {
    const Batch batch = batches.batch(b, team);
    const std::span<const float> logits = model.forward(batch, team);
    for (std::size_t s = 0; s < batch.size; ++s) {
      const std::span<const float> z = logits.subspan(s * p.size(), p.size());
      const std::size_t predicted = argmax(z);
      p.assign(z.begin(), z.end());
      const float log_sum = softmax(p);
      all.push_back({.label = batch.labels[s],
                     .predicted = static_cast<std::uint8_t>(predicted),
                     .confidence = p[predicted],
                     .loss = log_sum - z[batch.labels[s]]});
    }
  }
  return all;
}

}  // namespace nn
