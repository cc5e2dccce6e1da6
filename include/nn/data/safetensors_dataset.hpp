// Data sets in one SafeTensors file:
//
//   train_images, test_images   U8, or F32 from 0 to 1: (N, H, W) or (N, 1, H, W)
//   train_labels, test_labels   U8, I32 or I64: class numbers (N). U8, I32, I64 or F32: one-hot (N, K)
//
// The metadata "preparation" may say how pictures became these images (preparation.hpp).
//
// F32 pixels become bytes, round(255 x), so that four times as many images fit into memory and cache.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/data/dataset.hpp"
#include "nn/files/safetensors.hpp"

namespace nn {

namespace detail {

// round(255 x), for x from 0 to 1. Throws Error for any other x.
inline void read_float_pixels(const Safetensors& file, const std::string& name, std::span<std::uint8_t> out) {
  std::vector<float> part(std::min<std::size_t>(out.size(), 1 << 16));  // stays in cache
  for (std::size_t first = 0; first < out.size(); first += part.size()) {
    part.resize(std::min(part.size(), out.size() - first));
    file.read_part(name, first, std::span(part));
    const auto outside = std::ranges::find_if(part, [](float x) { return !(x >= 0 && x <= 1); });
    if (outside != part.end()) {
      throw tensor_error(
          file.path(), name,
          "holds " + std::to_string(*outside) + ", expected pixels from 0 to 1 (or U8 from 0 to 255)");
    }
    for (std::size_t i = 0; i < part.size(); ++i) {
      out[first + i] = static_cast<std::uint8_t>(part[i] * 255.0f + 0.5f);
    }
  }
}

inline Images read_images(const Safetensors& file, const std::string& name) {
  std::vector<std::size_t> shape = file.shape(name);
  if (shape.size() == 4 && shape[1] == 1) shape.erase(shape.begin() + 1);
  if (shape.size() != 3 || std::ranges::find(shape, 0u) != shape.end()) {
    throw tensor_error(
        file.path(), name,
        "has shape " + shape_text(file.shape(name)) + ", expected images (N, H, W) or (N, 1, H, W)");
  }
  Bytes bytes(shape[0] * shape[1] * shape[2]);
  const std::span<std::uint8_t> pixels(bytes.data(), bytes.size());
  if (file.dtype(name) == safetensors_dtype<std::uint8_t>) {
    file.read_part(name, 0, pixels);
  } else if (file.dtype(name) == safetensors_dtype<float>) {
    read_float_pixels(file, name, pixels);
  } else {
    throw tensor_error(file.path(), name, "has dtype " + file.dtype(name) + ", expected U8 or F32");
  }
  Images images{shape[0], shape[1], shape[2], std::move(bytes), 0, file.path() + ": " + name};
  check_size(images);
  return images;
}

// Class numbers (N), or the places of the ones in one-hot rows (N, K).
template <class T>
Labels read_labels_of(const Safetensors& file, const std::string& name) {
  const std::size_t count = file.shape(name)[0],
                    classes = file.shape(name).size() == 2 ? file.shape(name)[1] : 0;
  const std::vector<T> values = file.values<T>(name);
  Labels labels{Bytes(count), 0, file.path() + ": " + name, classes};
  const auto label = [&](std::size_t i) -> std::int64_t {
    if constexpr (std::integral<T>) {
      if (classes == 0) return values[i];
    }
    const std::span<const T> row = std::span(values).subspan(i * classes, classes);
    const auto one = std::ranges::find(row, T{1});
    if (one == row.end() || std::ranges::count(row, T{0}) != std::ssize(row) - 1) {
      throw Error(labels.source, "row " + std::to_string(i) + " is not one-hot, expected a 1 among zeros");
    }
    return one - row.begin();
  };
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t found = label(i);
    if (found < 0 || found > 255) {
      throw Error(labels.source, "label " + std::to_string(found) + ", expected 0 to 255");
    }
    labels.bytes.data()[i] = static_cast<std::uint8_t>(found);
  }
  return labels;
}

inline Labels read_labels(const Safetensors& file, const std::string& name) {
  const std::vector<std::size_t>& shape = file.shape(name);
  const std::string& dtype = file.dtype(name);
  const bool one_hot = shape.size() == 2 && shape[1] >= 2 && shape[1] <= 256;
  if (shape.size() == 1 || one_hot) {
    if (dtype == "U8") return read_labels_of<std::uint8_t>(file, name);
    if (dtype == "I32") return read_labels_of<std::int32_t>(file, name);
    if (dtype == "I64") return read_labels_of<std::int64_t>(file, name);
    if (dtype == "F32" && one_hot) return read_labels_of<float>(file, name);
  }
  throw tensor_error(file.path(), name,
                     "has dtype " + dtype + " and shape " + shape_text(shape) +
                         ", expected U8, I32 or I64 class numbers (N), or one-hot (N, K), also of F32");
}

inline Dataset read_safetensors_dataset(const Safetensors& file, const std::string& split, bool transposed) {
  Dataset data{read_images(file, split + "_images"), read_labels(file, split + "_labels"), 0};
  check_counts(data.images, data.labels);
  if (transposed) transpose(data.images);
  return data;
}

}  // namespace detail

// One split, "train" or "test". Throws Error if the file or one of its two tensors is missing or wrong.
inline Dataset load_safetensors_dataset(const std::string& path, const std::string& split,
                                        const DataOptions& options = {}) {
  return detail::complete(detail::read_safetensors_dataset(Safetensors(path), split, options.transpose),
                          options.classes, split == "train" ? options.train_limit : options.test_limit);
}

// Training and test images.
inline std::pair<Dataset, Dataset> load_safetensors_datasets(const std::string& path,
                                                             const DataOptions& options = {}) {
  const Safetensors file(path);
  Dataset train = detail::read_safetensors_dataset(file, "train", options.transpose);
  return detail::complete(std::move(train), detail::read_safetensors_dataset(file, "test", options.transpose),
                          options);
}

}  // namespace nn
