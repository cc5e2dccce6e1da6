// All layers that texts and files may name.
#pragma once

#include "nn/layers/activation.hpp"
#include "nn/layers/attention.hpp"
#include "nn/layers/conv2d.hpp"
#include "nn/layers/dense.hpp"
#include "nn/layers/dropout.hpp"
#include "nn/layers/flatten.hpp"
#include "nn/layers/norm.hpp"
#include "nn/layers/patches.hpp"
#include "nn/layers/pooling.hpp"
#include "nn/layers/position.hpp"
#include "nn/layers/residual.hpp"
#include "nn/layers/scale_shift.hpp"

namespace nn {

inline std::vector<LayerKind>& layer_kinds() {
  static std::vector<LayerKind> kinds{
      layer_kind<Conv2d>(),    layer_kind<MaxPool>(),   layer_kind<AvgPool>(),  layer_kind<GlobalAvgPool>(),
      layer_kind<Flatten>(),   layer_kind<Dense>(),     layer_kind<Relu>(),     layer_kind<LeakyRelu>(),
      layer_kind<Sigmoid>(),   layer_kind<Tanh>(),      layer_kind<Gelu>(),     layer_kind<Dropout>(),
      layer_kind<BatchNorm>(), layer_kind<LayerNorm>(), layer_kind<Patches>(),  layer_kind<Position>(),
      layer_kind<Attention>(), layer_kind<Mean>(),      layer_kind<Residual>(), layer_kind<ScaleShift>()};
  return kinds;
}

}  // namespace nn
