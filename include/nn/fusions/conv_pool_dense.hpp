// conv + ReLU + max-pool + dense, the first layers of a network: over active positions only.
//
// Convolution, ReLU and pooling are done at once (conv_pool.hpp), over the positions under which the image is
// not blank (pooled_map.hpp), and the dense layer works on these positions, too (pooled_dense.hpp). Between
// the two nothing but a row of positions is ever in memory. An epoch of mnist_cnn takes a tenth of the time
// of its layers.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "nn/fusions/conv_max_pool.hpp"
#include "nn/fusions/conv_pool.hpp"
#include "nn/fusions/fusion.hpp"
#include "nn/fusions/pooled_dense.hpp"
#include "nn/fusions/pooled_map.hpp"
#include "nn/layers/conv2d.hpp"
#include "nn/layers/dense.hpp"

namespace nn {

class ConvPoolDense : public Fusion {
 public:
  static std::unique_ptr<Fusion> at(const FusionSite& site) {
    constexpr std::size_t most_classes = 64;
    const auto layers = PoolableConv::at(site);
    Dense* const dense = layers && layers->relu ? site.at<Dense>(layers->layers) : nullptr;
    const bool fits = dense && dense->units <= most_classes;
    return fits ? std::make_unique<ConvPoolDense>(*layers, *dense) : nullptr;
  }

  ConvPoolDense(const PoolableConv& layers, Dense& dense)
      : Fusion(layers.layers + 1),
        conv_(*layers.conv),
        dense_(dense),
        pool_(layers.shape()),
        map_(pool_.shape().rows(), pool_.shape().columns(), conv_.filters),
        pooled_dense_(map_, dense.units) {}

  const char* name() const override { return "conv + relu + max-pool + dense"; }
  bool reads_bytes() const override { return true; }
  std::vector<Tensor*> stepped() override { return {&dense_.w}; }

  void reserve(std::size_t batch) override {
    pool_.reserve(batch);
    map_.reserve(batch);
    pooled_dense_.reserve(batch);
  }

  void forward(ConstMatrix, Matrix y, const Pass& pass) override {
    pool_.load_weights(conv_.w.value, conv_.b.value, map_);
    pass.team.parallel_for(map_.rows(), [&](std::size_t row) {
      pool_.forward_row(*pass.images, row, map_);
      pooled_dense_.forward_row(map_, y.rows, row, dense_.w.value);
    });
    pooled_dense_.reduce_forward(y.rows, dense_.b.value, {y.data, y.rows * y.cols});
  }

  // A block is a row of positions over the whole batch, the same as in forward: what it made there and its
  // dense weights are still in its thread's cache.
  void backward(ConstMatrix, ConstMatrix, ConstMatrix dy, Matrix, const Pass& pass) override {
    const std::span<const float> dlogits(dy.data, dy.rows * dy.cols);
    pooled_dense_.backward_bias(dlogits, dense_.b.grad);
    pass.team.parallel_for(map_.rows(), [&](std::size_t row) {
      if (pass.sgd_rate) {
        pooled_dense_.step_row(map_, row, dlogits, dense_.b.grad, *pass.sgd_rate, dense_.w.value);
      } else {
        pooled_dense_.backward_row(map_, row, dense_.w.value, dlogits, dense_.b.grad, dense_.w.grad);
      }
      pool_.backward_row(map_, row);
    });
    pool_.reduce_backward(conv_.w.grad, conv_.b.grad);
  }

 private:
  Conv2d& conv_;
  Dense& dense_;
  ConvPool pool_;
  PooledMap map_;
  PooledDense pooled_dense_;
};

}  // namespace nn
