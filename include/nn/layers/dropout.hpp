// Dropout (Srivastava et al., 2014), inverted: what is kept grows in training, and inference does nothing.
//
// Whether a unit is dropped is a hash of (seed, step, layer, sample, unit). There is no state: backward makes
// the mask again instead of reading it, a resumed run draws the same masks, and so does any number of
// threads.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "nn/core/matmul.hpp"
#include "nn/core/rng.hpp"
#include "nn/layers/elementwise.hpp"
#include "nn/layers/layer.hpp"

namespace nn {

// The mask of one layer in one training step: 0 for a dropped unit of a sample, 1 / (1 - rate) for the
// others.
class DropoutMask {
 public:
  // `rate` in [0, 1), the share of units to drop; `layer` counts the dropout layers of a network from 0.
  DropoutMask(double rate, std::uint64_t seed, std::uint64_t step, std::size_t layer)
      : key_(mix_bits(mix_bits(seed ^ mix_bits(step)) + layer)),
        threshold_(static_cast<std::uint32_t>(rate * 0x1p32)),
        scale_(1.0f / static_cast<float>(1.0 - rate)) {
    assert(rate >= 0 && rate < 1);
  }

  // y = m y, in place. A block of y (B, H), the one that begins with this sample and this unit. Backward is
  // the same: dx = m dy.
  void apply(Matrix y, std::size_t first_sample, std::size_t first_unit = 0) const {
    for (std::size_t s = 0; s < y.rows; ++s) {
      const std::uint64_t key = mix_bits(key_ + first_sample + s);
      float* row = y.data + s * y.stride;
      for (std::size_t u = 0; u < y.cols; ++u) {
        row[u] = is_dropped(key, static_cast<std::uint32_t>(first_unit + u)) ? 0.0f : scale_ * row[u];
      }
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
  float scale_;              // of the others
};

class Dropout : public Layer {
 public:
  Dropout() = default;
  explicit Dropout(double rate_) : rate(rate_) {}

  const char* name() const override { return "dropout"; }
  std::vector<Field> fields() override {
    return {{.name = "rate", .style = Field::number, .value = &rate, .least = 0, .most = 1}};
  }
  bool in_place() const override { return true; }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override { mask(x, y, pass); }
  void backward(ConstMatrix, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    if (dx.data) mask(dy, dx, pass);
  }

  double rate = 0;         // in [0, 1)
  std::size_t number = 0;  // among the dropout layers of its network, from 0

 private:
  void mask(ConstMatrix from, Matrix to, const Pass& pass) const {
    const DropoutMask m(rate, pass.seed, pass.step, number);
    for_row_blocks(pass.team, from.rows, from.cols, [&](std::size_t first, std::size_t count) {
      if (from.data != to.data) copy(rows(from, first, count), rows(to, first, count));
      if (pass.training) m.apply(rows(to, first, count), pass.first_sample + first);
    });
  }
};

}  // namespace nn
