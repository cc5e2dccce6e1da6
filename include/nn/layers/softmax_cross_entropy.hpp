// Softmax and cross-entropy in one: the loss of all classifiers here, and the one place where 1/B is.
#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <numeric>
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

// forward:  loss = mean over the batch of (log sum exp z - target z)
// backward: dz = (softmax(z) - target) / B
// target = onehot(label), and with label smoothing s in [0, 1) (1 - s) onehot(label) + s / K (Szegedy et al.,
// "Rethinking the Inception architecture", 2016).
// logits and dlogits are (B, K), dlogits is overwritten; returns the SUM of the B losses. Of a shard of a
// batch, `whole` is the batch's B.
inline double softmax_cross_entropy(std::span<const float> logits, std::span<const std::uint8_t> labels,
                                    std::span<float> dlogits, double smoothing = 0, std::size_t whole = 0) {
  const std::size_t batch = labels.size(), classes = logits.size() / batch;
  assert(logits.size() == batch * classes && dlogits.size() == logits.size());
  const float scale = 1.0f / static_cast<float>(whole == 0 ? batch : whole);
  const float share = static_cast<float>(smoothing / static_cast<double>(classes));  // of every class
  const float rest = static_cast<float>(1.0 - smoothing);                            // of the label beside it
  double loss = 0.0;
  for (std::size_t s = 0; s < batch; ++s) {
    const std::span<const float> z = logits.subspan(s * classes, classes);
    const std::span<float> dz = dlogits.subspan(s * classes, classes);
    std::ranges::copy(z, dz.begin());
    float smoothed = 0.0f;
    if (share > 0) smoothed = share * std::accumulate(z.begin(), z.end(), 0.0f);
    loss += softmax(dz) - rest * z[labels[s]] - smoothed;
    dz[labels[s]] -= rest;
    for (float& d : dz) d = (d - share) * scale;
  }
  return loss;
}

// The class with the largest logit; of equal ones the first.
inline std::size_t argmax(std::span<const float> z) {
  return static_cast<std::size_t>(std::max_element(z.begin(), z.end()) - z.begin());
}

}  // namespace nn
