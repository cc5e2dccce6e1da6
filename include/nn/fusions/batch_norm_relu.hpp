// batch-norm, with the ReLU after it if there is one: fewer passes over memory, a whole vector at a time.
//
// Forward reads x twice and writes y once; backward reads x, dy and y twice and writes dx once. By themselves
// the layers go over the batch once more for the variance, and once more each way for the ReLU.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "nn/fusions/fusion.hpp"
#include "nn/layers/activation.hpp"
#include "nn/layers/elementwise.hpp"
#include "nn/layers/norm.hpp"

namespace nn {

// y = w n + b, n = (x - mean) scale, all (C)
struct ChannelNorm {
  const float *mean, *scale, *w, *b;
};

// Of the columns of x (R, C): their means, and the sums of their squared distances from these.
void channel_moments(ConstMatrix x, float* mean, float* squares);

// forward: y = w n + b, or with `relu` max(that, 0)      (R, C) -> (R, C)
void channel_norm(ConstMatrix x, const ChannelNorm& norm, bool relu, Matrix y);

// backward: dw = sum of g n, db = sum of g over the rows, overwritten; g is dy, or dy where y > 0 if there is
// a y
void channel_norm_backward_sums(ConstMatrix x, const float* y, ConstMatrix dy, const ChannelNorm& norm,
                                float* dw, float* db);

// backward: dx = w scale (g - share (db + n dw))
void channel_norm_backward(ConstMatrix x, const float* y, ConstMatrix dy, const ChannelNorm& norm,
                           const float* dw, const float* db, float share, Matrix dx);

class BatchNormRelu : public Fusion {
 public:
  static std::unique_ptr<Fusion> at(const FusionSite& site) {
    BatchNorm* const norm = site.at<BatchNorm>(0);
    if (!norm) return nullptr;
    return std::make_unique<BatchNormRelu>(*norm, site.at<Relu>(1) != nullptr);
  }

  BatchNormRelu(BatchNorm& norm, bool relu) : Fusion(relu ? 2 : 1), norm_(norm), relu_(relu) {}

  const char* name() const override { return relu_ ? "batch-norm + relu" : "batch-norm"; }
  bool reads_output() const override { return relu_; }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    const std::size_t C = norm_.channels();
    if (pass.training) {
      norm_.use_batch(moments(by_position(x, C), pass.team), pass);
    } else {
      norm_.use_running();
    }
    for_row_blocks(pass.team, by_position(x, C), by_position(y, C),
                   [&](ConstMatrix from, Matrix to) { channel_norm(from, numbers(), relu_, to); });
  }

  void backward(ConstMatrix x, ConstMatrix y, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    const std::size_t C = norm_.channels();
    const ConstMatrix xs = by_position(x, C), dys = by_position(dy, C);
    const float* const ys = relu_ ? y.data : nullptr;
    const auto from = [&](std::size_t row) { return ys ? ys + row * C : nullptr; };
    const auto sums =
        sum_over_rows(pass.team, xs.rows, 2 * C, [&](std::size_t first, std::size_t count, float* sum) {
          channel_norm_backward_sums(rows(xs, first, count), from(first), rows(dys, first, count), numbers(),
                                     sum, sum + C);
        });
    const BatchNorm::Gradients whole = norm_.use_sums(sums, pass);
    if (!dx.data) return;
    for_row_blocks(pass.team, xs.rows, C, [&](std::size_t first, std::size_t count) {
      channel_norm_backward(rows(xs, first, count), from(first), rows(dys, first, count), numbers(),
                            whole.dw.data(), whole.db.data(), whole.share,
                            rows(by_position(dx, C), first, count));
    });
  }

 private:
  ChannelNorm numbers() const {
    return {norm_.mean().data(), norm_.scale().data(), norm_.w.value.data(), norm_.b.value.data()};
  }

  // Means and sums of squared distances of all rows: each block's, put together (Chan, Golub & LeVeque,
  // 1983).
  BatchNorm::Moments moments(ConstMatrix x, ThreadTeam& team) {
    const std::size_t C = x.cols, rows_of_a_block = std::max<std::size_t>(1, 16384 / C);
    const std::size_t blocks = (x.rows + rows_of_a_block - 1) / rows_of_a_block;
    block_moments_.resize(blocks * 2 * C);
    const auto count = [&](std::size_t block) {
      return std::min(rows_of_a_block, x.rows - block * rows_of_a_block);
    };
    team.parallel_for(blocks, [&](std::size_t block) {
      float* const mean = &block_moments_[block * 2 * C];
      channel_moments(rows(x, block * rows_of_a_block, count(block)), mean, mean + C);
    });
    const float* const first = block_moments_.data();
    BatchNorm::Moments all{static_cast<float>(count(0)), Floats(first, first + C),
                           Floats(first + C, first + 2 * C)};
    for (std::size_t block = 1; block < blocks; ++block) {
      const float* const mean = &block_moments_[block * 2 * C];
      all.add(static_cast<float>(count(block)), mean, mean + C);
    }
    return all;
  }

  BatchNorm& norm_;
  bool relu_;
  Floats block_moments_;  // (blocks, 2, C)
};

}  // namespace nn
