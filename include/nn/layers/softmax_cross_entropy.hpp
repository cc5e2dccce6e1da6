// Softmax and cross-entropy in one: the loss of all classifiers here, and the one place where 1/B is.
#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <span>

namespace nn {

// p = softmax(z), in place, one row of K logits. Subtracting the largest one keeps exp() from overflowing.
// Returns log(sum exp z), the part of the loss that all classes share.
inline float softmax(std::span<float> z) {
  const float largest = *std::max_element(z.begin(), z.end());
  float sum = 0.0f;
  for (float& v : z) sum += v = std::exp(v - largest);
  for (float& v : z) v /= sum;
  return largest + std::log(sum);
}

// forward:  loss = mean over the batch of (log sum exp z - z[label])
// backward: dz = (softmax(z) - onehot(label)) / B
// logits and dlogits are (B, K), overwritten; returns the SUM of the B losses.
inline double softmax_cross_entropy(std::span<const float> logits, std::span<const std::uint8_t> labels,
                                    std::span<float> dlogits) {
  const std::size_t batch = labels.size(), classes = logits.size() / batch;
  assert(logits.size() == batch * classes && dlogits.size() == logits.size());
  const float scale = 1.0f / static_cast<float>(batch);
  double loss = 0.0;
  for (std::size_t s = 0; s < batch; ++s) {
    const std::span<const float> z = logits.subspan(s * classes, classes);
    const std::span<float> dz = dlogits.subspan(s * classes, classes);
    std::ranges::copy(z, dz.begin());
    loss += softmax(dz) - z[labels[s]];
    dz[labels[s]] -= 1.0f;
    for (float& d : dz) d *= scale;
  }
  return loss;
}

// The class with the largest logit; of equal ones the first.
inline std::size_t argmax(std::span<const float> z) {
  return static_cast<std::size_t>(std::max_element(z.begin(), z.end()) - z.begin());
}

}  // namespace nn
