// Normalization: y = w n + b, n = (x - mean) / sqrt(variance + epsilon).
//
// Over what mean and variance are taken is all the difference: batch norm has them for a channel, over all
// samples and positions of a batch, and keeps running ones for later; layer norm for a position, over its
// channels.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "nn/layers/elementwise.hpp"
#include "nn/layers/layer.hpp"

namespace nn {

inline constexpr float kNormEpsilon = 1e-5f;

// Ioffe & Szegedy, "Batch normalization", 2015.
class BatchNorm : public Layer {
 public:
  const char* name() const override { return "batch-norm"; }
  void prepare(const Shape& in) override {
    const std::size_t C = in.channels();
    positions_ = in.positions();
    w = declared("weight", {C});
    b = declared("bias", {C});
    running_mean = declared("running_mean", {C});
    running_var = declared("running_var", {C});
    mean_.resize(C);
    scale_.resize(C);
  }
  void draw(Init, SimpleRng&) override {
    std::ranges::fill(w.value, 1.0f);
    std::ranges::fill(running_var.value, 1.0f);
  }
  std::vector<Tensor*> tensors() override { return {&w, &b}; }
  std::vector<Tensor*> buffers() override { return {&running_mean, &running_var}; }
  double flop() const override { return 2.0 * static_cast<double>(positions_ * channels()); }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    pass.training ? use_batch(moments(by_position(x, channels()), pass.team), pass) : use_running();
    for_row_blocks(pass.team, by_position(x, channels()), by_position(y, channels()),
                   [&](ConstMatrix from, Matrix to) {
                     for (std::size_t r = 0; r < from.rows; ++r) {
                       const float* in = from.data + r * from.cols;
                       float* out = to.data + r * to.cols;
                       for (std::size_t c = 0; c < from.cols; ++c)
                         out[c] = (in[c] - mean_[c]) * scale_[c] * w.value[c] + b.value[c];
                     }
                   });
  }

  // backward, R = samples x positions: dw = sum of dy n, db = sum of dy,
  //   dx = w / sqrt(variance + epsilon) (dy - db / R - n dw / R)
  // With running statistics, which do not depend on x: dx = w / sqrt(variance + epsilon) dy
  void backward(ConstMatrix x, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    const std::size_t C = channels();
    const ConstMatrix xs = by_position(x, C), dys = by_position(dy, C);
    const auto sums =
        sum_over_rows(pass.team, xs.rows, 2 * C, [&](std::size_t first, std::size_t count, float* sum) {
          for (std::size_t r = first; r < first + count; ++r) {
            const float *in = xs.data + r * C, *d = dys.data + r * C;
            for (std::size_t c = 0; c < C; ++c) {
              sum[c] += d[c] * (in[c] - mean_[c]) * scale_[c];
              sum[C + c] += d[c];
            }
          }
        });
    const Gradients whole = use_sums(sums, pass);
    if (!dx.data) return;
    const float share = pass.training ? whole.share : 0.0f;
    for_row_blocks(pass.team, xs.rows, C, [&](std::size_t first, std::size_t count) {
      for (std::size_t r = first; r < first + count; ++r) {
        const float *in = xs.data + r * C, *d = dys.data + r * C;
        float* out = dx.data + r * C;
        for (std::size_t c = 0; c < C; ++c) {
          const float n = (in[c] - mean_[c]) * scale_[c];
          out[c] = w.value[c] * scale_[c] * (d[c] - share * (whole.db[c] + n * whole.dw[c]));
        }
      }
    });
  }

  std::size_t channels() const { return w.shape[0]; }  // C

  // What the last forward pass used: mean, and scale = 1 / sqrt(variance + epsilon)      (C)
  const Floats& mean() const { return mean_; }
  const Floats& scale() const { return scale_; }

  // Of R rows: means, and sums of the squared distances from them      (C)
  struct Moments {
    float rows;  // R
    Floats mean, squares;

    // Those of these rows and of more (Chan, Golub & LeVeque, 1983).
    void add(float more, const float* more_mean, const float* more_squares) {
      const float all = rows + more, share = more / all;
      for (std::size_t c = 0; c < mean.size(); ++c) {
        const float distance = more_mean[c] - mean[c];
        squares[c] += more_squares[c] + distance * distance * rows * share;
        mean[c] += distance * share;
      }
      rows = all;
    }
  };
  // In training: uses the moments of a batch, of which these are a shard's or all, and moves the running
  // statistics towards them.
  void use_batch(Moments batch, const Pass& pass) {
    if (pass.whole) batch = of_all_shards(batch, *pass.whole);
    rows_ = batch.rows;
    mean_ = batch.mean;
    for (std::size_t c = 0; c < channels(); ++c) {
      scale_[c] = 1.0f / std::sqrt(batch.squares[c] / rows_ + kNormEpsilon);
      // The running variance is that of the population, not of the sample (Bessel's correction).
      const float variance = batch.squares[c] / std::max(1.0f, rows_ - 1);
      running_mean.value[c] += kMomentum * (batch.mean[c] - running_mean.value[c]);
      running_var.value[c] += kMomentum * (variance - running_var.value[c]);
    }
  }
  void use_running() {
    mean_ = running_mean.value;
    for (std::size_t c = 0; c < channels(); ++c)
      scale_[c] = 1.0f / std::sqrt(running_var.value[c] + kNormEpsilon);
  }

  // What dx takes: dw and db of the whole batch, and 1 / R.
  struct Gradients {
    std::span<const float> dw, db;  // (C)
    float share;
  };
  // `sums`: dw, then db, of these rows, which become the gradients.
  Gradients use_sums(std::span<const float> sums, const Pass& pass) {
    const std::size_t C = channels();
    std::ranges::copy(sums.first(C), w.grad.begin());
    std::ranges::copy(sums.last(C), b.grad.begin());
    if (!pass.whole) return {w.grad, b.grad, 1.0f / rows_};
    sums_.assign(2 * C, 0.0f);
    const std::span<const float> all = pass.whole->gather(sums);
    for (std::size_t i = 0; i < all.size(); ++i) sums_[i % (2 * C)] += all[i];
    return {std::span(sums_).first(C), std::span(sums_).last(C), 1.0f / rows_};
  }

  Tensor w, b;                       // (C)
  Tensor running_mean, running_var;  // (C), what is used once the network is trained

 private:
  static constexpr float kMomentum = 0.1f;  // of the running statistics: how much of them a batch replaces

  static Moments moments(ConstMatrix x, ThreadTeam& team) {
    Moments all{static_cast<float>(x.rows), Floats(x.cols), Floats(x.cols)};
    column_sums(x, all.mean, team);
    for (float& m : all.mean) m /= static_cast<float>(x.rows);
    const auto squares =
        sum_over_rows(team, x.rows, x.cols, [&](std::size_t first, std::size_t count, float* sum) {
          for (std::size_t r = first; r < first + count; ++r) {
            for (std::size_t c = 0; c < x.cols; ++c) {
              const float distance = x.data[r * x.cols + c] - all.mean[c];
              sum[c] += distance * distance;
            }
          }
        });
    std::ranges::copy(squares, all.squares.begin());
    return all;
  }

  // Of the batch whose shards give theirs, in the order of the shards.
  static Moments of_all_shards(const Moments& mine, WholeBatch& whole) {
    const std::size_t C = mine.mean.size();
    Floats numbers{mine.rows};
    numbers.insert(numbers.end(), mine.mean.begin(), mine.mean.end());
    numbers.insert(numbers.end(), mine.squares.begin(), mine.squares.end());
    const std::span<const float> all = whole.gather(numbers);
    Moments sum{0, Floats(C), Floats(C)};
    for (const float* shard = all.data(); shard != all.data() + all.size(); shard += 1 + 2 * C) {
      sum.add(shard[0], shard + 1, shard + 1 + C);
    }
    return sum;
  }

  std::size_t positions_ = 1;
  Floats mean_, scale_;  // (C)
  float rows_ = 1;       // R of the last batch
  Floats sums_;          // (2 C), dw and db of a batch in shards
};

// Ba, Kiros & Hinton, "Layer normalization", 2016.
class LayerNorm : public Layer {
 public:
  const char* name() const override { return "layer-norm"; }
  void prepare(const Shape& in) override {
    positions_ = in.positions();
    w = declared("weight", {in.channels()});
    b = declared("bias", {in.channels()});
  }
  void draw(Init, SimpleRng&) override { std::ranges::fill(w.value, 1.0f); }
  std::vector<Tensor*> tensors() override { return {&w, &b}; }
  double flop() const override { return 8.0 * static_cast<double>(positions_ * channels()); }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    for_row_blocks(pass.team, by_position(x, channels()), by_position(y, channels()),
                   [&](ConstMatrix from, Matrix to) {
                     for (std::size_t r = 0; r < from.rows; ++r) {
                       const Row row(from.data + r * from.cols, from.cols);
                       float* out = to.data + r * to.cols;
                       for (std::size_t c = 0; c < from.cols; ++c)
                         out[c] = row.n(c) * w.value[c] + b.value[c];
                     }
                   });
  }

  // backward: dw = sum of dy n, db = sum of dy over all positions; with g = w dy,
  //   dx = (g - mean of g - n (mean of g n)) / sqrt(variance + epsilon), means over the channels
  void backward(ConstMatrix x, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    const std::size_t C = channels();
    const ConstMatrix xs = by_position(x, C), dys = by_position(dy, C);
    const auto sums =
        sum_over_rows(pass.team, xs.rows, 2 * C, [&](std::size_t first, std::size_t count, float* sum) {
          for (std::size_t r = first; r < first + count; ++r) {
            const Row row(xs.data + r * C, C);
            const float* d = dys.data + r * C;
            for (std::size_t c = 0; c < C; ++c) {
              sum[c] += d[c] * row.n(c);
              sum[C + c] += d[c];
            }
            if (!dx.data) continue;
            float g_sum = 0, gn_sum = 0;
            for (std::size_t c = 0; c < C; ++c) {
              g_sum += w.value[c] * d[c];
              gn_sum += w.value[c] * d[c] * row.n(c);
            }
            const float share = 1.0f / static_cast<float>(C);
            float* out = dx.data + r * C;
            for (std::size_t c = 0; c < C; ++c) {
              out[c] = row.scale * (w.value[c] * d[c] - share * (g_sum + row.n(c) * gn_sum));
            }
          }
        });
    std::copy_n(sums.begin(), C, w.grad.begin());
    std::copy_n(sums.begin() + static_cast<std::ptrdiff_t>(C), C, b.grad.begin());
  }

  std::size_t channels() const { return w.shape[0]; }

  Tensor w, b;  // (C)

 private:
  // The channels of a position, normalized.
  struct Row {
    Row(const float* x_, std::size_t count) : x(x_) {
      const float share = 1.0f / static_cast<float>(count);
      float variance = 0;
      for (std::size_t c = 0; c < count; ++c) mean += x[c];
      mean *= share;
      for (std::size_t c = 0; c < count; ++c) variance += (x[c] - mean) * (x[c] - mean);
      scale = 1.0f / std::sqrt(share * variance + kNormEpsilon);
    }
    float n(std::size_t c) const { return (x[c] - mean) * scale; }

    const float* x;
    float mean = 0, scale = 0;
  };

  std::size_t positions_ = 1;
};

}  // namespace nn
