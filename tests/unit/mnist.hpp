// MNIST's test images: the smaller half is enough for tests that train.
#pragma once

#include "nn/data/dataset.hpp"

namespace nn::test {

inline Dataset load_mnist_images() {
  return load_idx_dataset(NN_SOURCE_DIR "/data", "t10k");
}

inline const Dataset& mnist_images() {
  static const Dataset data = load_mnist_images();
  return data;
}

}  // namespace nn::test
