// What AttentionPool and its kernels mean: the definition, loop by loop, in double precision.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

#include "nn/data/batches.hpp"
#include "nn/models/attention_pool.hpp"
#include "plain_dense.hpp"

namespace nn::test {

// p = softmax(scale s), one row
inline Doubles plain_softmax(std::span<const double> s, double scale) {
  Doubles p;
  double sum = 0;
  for (const double v : s) sum += p.emplace_back(std::exp(scale * v));
  for (double& v : p) v /= sum;
  return p;
}

// ds of the same: softmax's whole Jacobian, dp_j/ds_i = scale p_j ((i == j) - p_i)
inline Doubles plain_softmax_backward(std::span<const double> p, double scale, std::span<const double> dp) {
  Doubles ds(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    for (std::size_t j = 0; j < p.size(); ++j) ds[i] += dp[j] * scale * p[j] * ((i == j ? 1.0 : 0.0) - p[i]);
  }
  return ds;
}

inline void plain_relu(Doubles& y) {
  for (double& v : y) v = v > 0 ? v : 0.0;
}

struct PlainAttention {
  Doubles logits;         // (B, K)
  Doubles probabilities;  // (B, H, S, S)
};

// The forward pass as the network is defined: nothing folded, nothing shared, the mean last.
inline PlainAttention plain_attention_pool(AttentionPool& model, const Batch& batch) {
  const AttentionShape& a = model.shape();
  const std::size_t S = a.tokens(), D = a.d_model, width = D / a.heads, across = a.width / a.patch;
  const std::vector<Tensor*> all = model.tensors();
  const auto tensor = [&](std::size_t i) -> const Tensor& { return *all[i]; };
  const Tensor &wp = tensor(0), &bp = tensor(1), &pos = tensor(2), &wq = tensor(3), &bq = tensor(4),
               &wk = tensor(5), &bk = tensor(6), &wv = tensor(7), &bv = tensor(8), &w1 = tensor(9),
               &b1 = tensor(10), &w2 = tensor(11), &b2 = tensor(12), &wcls = tensor(13), &bcls = tensor(14);
  PlainAttention result;
  for (std::size_t sample = 0; sample < batch.size; ++sample) {
    Doubles patches;  // (S, P)
    for (std::size_t t = 0; t < S; ++t) {
      for (std::size_t y = 0; y < a.patch; ++y) {
        for (std::size_t x = 0; x < a.patch; ++x) {
          const std::size_t row = t / across * a.patch + y, column = t % across * a.patch + x;
          patches.push_back(batch.image(sample)[row * a.width + column] / 255.0);
        }
      }
    }
    Doubles x = plain_dense(patches, wp, bp);  // (S, D)
    for (std::size_t i = 0; i < S * D; ++i) x[i] += static_cast<double>(pos.value[i]);
    plain_relu(x);

    const Doubles q = plain_dense(x, wq, bq), k = plain_dense(x, wk, bk), v = plain_dense(x, wv, bv);
    Doubles attended(S * D);
    for (std::size_t head = 0; head < a.heads; ++head) {
      for (std::size_t i = 0; i < S; ++i) {
        Doubles scores(S);
        for (std::size_t j = 0; j < S; ++j) {
          for (std::size_t d = head * width; d < (head + 1) * width; ++d)
            scores[j] += q[i * D + d] * k[j * D + d];
        }
        const Doubles p = plain_softmax(scores, 1.0 / std::sqrt(static_cast<double>(width)));
        for (std::size_t j = 0; j < S; ++j) {
          for (std::size_t d = head * width; d < (head + 1) * width; ++d)
            attended[i * D + d] += p[j] * v[j * D + d];
        }
        result.probabilities.insert(result.probabilities.end(), p.begin(), p.end());
      }
    }
    Doubles hidden = plain_dense(attended, w1, b1);  // (S, F)
    plain_relu(hidden);
    const Doubles y = plain_dense(hidden, w2, b2);  // (S, D)
    Doubles mean(D);
    for (std::size_t i = 0; i < S * D; ++i) mean[i % D] += y[i] / static_cast<double>(S);
    const Doubles logits = plain_dense(mean, wcls, bcls);
    result.logits.insert(result.logits.end(), logits.begin(), logits.end());
  }
  return result;
}

}  // namespace nn::test
