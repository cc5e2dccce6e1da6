// Dropout (Srivastava et al., 2014), inverted: what is kept grows in training, and inference does nothing.
//
// Whether a unit is dropped is a hash of (seed, step, layer, sample, unit). There is no state: backward makes
// the mask again instead of reading it, a resumed run draws the same masks, and so does any number of
// threads.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "nn/core/matmul.hpp"
#include "nn/core/rng.hpp"

namespace nn {

// The mask of one layer in one training step: 0 for a dropped unit of a sample, 1 / (1 - rate) for the
// others.
class Dropout {
 public:
  // `rate` in [0, 1), the share of units to drop. Step 0 is inference: nothing is dropped.
  Dropout(double rate, std::uint64_t seed, std::uint64_t step, std::size_t layer)
      : key_(mix_bits(mix_bits(seed ^ mix_bits(step)) + layer)),
        threshold_(static_cast<std::uint32_t>(step == 0 ? 0.0 : rate * 0x1p32)),
        kept_(static_cast<float>(1.0 - rate)) {
    assert(rate >= 0 && rate < 1);
  }

  // forward: y = m y, in place. A block of y (B, H), the one that begins with this sample and this unit.
  void forward(Matrix y, std::size_t first_sample, std::size_t first_unit) const {
    if (threshold_ == 0) return;
    const float scale = 1.0f / kept_;
    for (std::size_t s = 0; s < y.rows; ++s) {
      const std::uint64_t key = mix_bits(key_ + first_sample + s);
      float* row = y.data + s * y.stride;
      for (std::size_t u = 0; u < y.cols; ++u) {
        row[u] = is_dropped(key, static_cast<std::uint32_t>(first_unit + u)) ? 0.0f : scale * row[u];
      }
    }
  }

  // backward: dy = m dy, in place, and y as it was before forward, for the activation's backward; where it
  // was dropped, y stays 0, as does all that is made of its dy.
  void backward(Matrix y, Matrix dy, std::size_t first_sample, std::size_t first_unit) const {
    if (threshold_ == 0) return;
    forward(dy, first_sample, first_unit);
    for (std::size_t s = 0; s < y.rows; ++s) {
      float* row = y.data + s * y.stride;
      for (std::size_t u = 0; u < y.cols; ++u) row[u] *= kept_;
    }
  }

 private:
  // As mix_bits(), in 32 bits (Wellons, "Prospecting for hash functions", 2018), which compilers make vectors
  // of. Both halves of the key, or the rows of two samples would be parts of one long row.
  bool is_dropped(std::uint64_t key, std::uint32_t unit) const {
    std::uint32_t x = unit + static_cast<std::uint32_t>(key);
    x = (x ^ x >> 16) * 0x7feb352du;
    x ^= static_cast<std::uint32_t>(key >> 32);
    x = (x ^ x >> 15) * 0x846ca68bu;
    return (x ^ x >> 16) < threshold_;
  }

  std::uint64_t key_;
  std::uint32_t threshold_;  // of 2^32 hashes so many drop
  float kept_;               // 1 - rate
};

}  // namespace nn
