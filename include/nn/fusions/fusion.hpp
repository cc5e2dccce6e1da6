// Fusion: a layer that stands for several, which come one after the other: the same result in less time.
//
// It owns no parameters: it works on those of the layers it stands for. all_fusions.hpp has the list;
// tests/unit/fusions_test.cpp compares each with its layers.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/layers/layer.hpp"

namespace nn {

class Fusion : public Layer {
 public:
  explicit Fusion(std::size_t layers) : layers_(layers) {}

  std::size_t layers() const { return layers_; }  // that it stands for

  // Whether it reads pass.images, and no x.
  virtual bool reads_bytes() const { return false; }

  // The tensors that backward moves itself where there is a pass.sgd_rate.
  virtual std::vector<Tensor*> stepped() { return {}; }

 private:
  std::size_t layers_;
};

// A place in a chain where a fusion may begin.
struct FusionSite {
  std::span<const std::unique_ptr<Layer>> layers;  // from there to the end
  std::span<const Shape> shapes;                   // what the first of them takes, then what each makes
  bool is_first;                                   // of the network: what comes are images, as bytes

  // Layer i, if it is an L.
  template <class L>
  L* at(std::size_t i) const {
    return i < layers.size() ? dynamic_cast<L*>(layers[i].get()) : nullptr;
  }
};

}  // namespace nn
