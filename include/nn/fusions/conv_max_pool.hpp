// conv + max-pool, with or without a ReLU, the first layers of a network: over active positions only.
//
// As conv_pool_dense.hpp, but what comes next may be anything: all positions are written out. A network of
// two convolutions trains 1.2 times as fast.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>

#include "nn/fusions/conv_pool.hpp"
#include "nn/fusions/fusion.hpp"
#include "nn/fusions/pooled_map.hpp"
#include "nn/layers/activation.hpp"
#include "nn/layers/conv2d.hpp"
#include "nn/layers/pooling.hpp"

namespace nn {

// The layers conv, max-pool 2 and ReLU that conv_pool.hpp takes.
struct PoolableConv {
  Conv2d* conv;
  std::size_t layers;
  bool relu;

  // ReLU and max-pool in either order: the largest of what ReLU lets through is what it lets through of the
  // largest.
  static std::optional<PoolableConv> at(const FusionSite& site) {
    Conv2d* const conv = site.is_first ? site.at<Conv2d>(0) : nullptr;
    const bool relu_first = site.at<Relu>(1);
    const MaxPool* const pool = site.at<MaxPool>(relu_first ? 2 : 1);
    const bool fits = conv && pool && conv->input().channels() == 1 && conv->kernel % 2 == 1 &&
                      conv->kernel >= 3 && conv->kernel <= 7 && conv->stride == 1 && !conv->valid &&
                      pool->size == 2;
    if (!fits) return std::nullopt;
    const bool relu = relu_first || site.at<Relu>(2);
    return PoolableConv{conv, relu ? std::size_t{3} : std::size_t{2}, relu};
  }

  ConvPoolShape shape() const {
    return {conv->input().height(), conv->input().width(), conv->filters, conv->kernel, relu};
  }
};

class ConvMaxPool : public Fusion {
 public:
  static std::unique_ptr<Fusion> at(const FusionSite& site) {
    const auto layers = PoolableConv::at(site);
    return layers ? std::make_unique<ConvMaxPool>(*layers) : nullptr;
  }

  explicit ConvMaxPool(const PoolableConv& layers)
      : Fusion(layers.layers),
        conv_(*layers.conv),
        pool_(layers.shape()),
        map_(pool_.shape().rows(), pool_.shape().columns(), conv_.filters) {}

  const char* name() const override {
    return pool_.shape().relu ? "conv + relu + max-pool" : "conv + max-pool";
  }
  bool reads_bytes() const override { return true; }

  void reserve(std::size_t batch) override {
    pool_.reserve(batch);
    map_.reserve(batch);
  }

  void forward(ConstMatrix, Matrix y, const Pass& pass) override {
    const std::size_t F = conv_.filters;
    pool_.load_weights(conv_.w.value, conv_.b.value, map_);
    pass.team.parallel_for(map_.rows(), [&](std::size_t row) {
      pool_.forward_row(*pass.images, row, map_);
      for (std::size_t p = row * map_.columns(); p < (row + 1) * map_.columns(); ++p) {
        for (std::size_t s = 0; s < y.rows; ++s)
          std::copy_n(map_.baseline.data(), F, y.data + s * y.cols + p * F);
        const float* active = map_.active(p);
        for (const std::size_t s : map_.active_samples(p)) {
          float* const out = y.data + s * y.cols + p * F;
          for (std::size_t f = 0; f < F; ++f) out[f] += active[f];
          active += map_.padded_filters();
        }
      }
    });
  }

  void backward(ConstMatrix, ConstMatrix, ConstMatrix dy, Matrix, const Pass& pass) override {
    const std::size_t F = conv_.filters;
    pass.team.parallel_for(map_.rows(), [&](std::size_t row) {
      float* const d_baseline = map_.d_baseline(row);
      std::fill_n(d_baseline, map_.padded_filters(), 0.0f);
      for (std::size_t p = row * map_.columns(); p < (row + 1) * map_.columns(); ++p) {
        for (std::size_t s = 0; s < dy.rows; ++s) {
          const float* const d = dy.data + s * dy.cols + p * F;
          for (std::size_t f = 0; f < F; ++f) d_baseline[f] += d[f];
        }
        float* d_active = map_.d_active(p);
        for (const std::size_t s : map_.active_samples(p)) {
          std::copy_n(dy.data + s * dy.cols + p * F, F, d_active);
          d_active += map_.padded_filters();
        }
      }
      pool_.backward_row(map_, row);
    });
    pool_.reduce_backward(conv_.w.grad, conv_.b.grad);
  }

 private:
  Conv2d& conv_;
  ConvPool pool_;
  PooledMap map_;
};

}  // namespace nn
