// A set of labelled images in memory: bytes, as they come.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <future>
#include <span>
#include <string>
#include <utility>

#include "nn/core/error.hpp"
#include "nn/data/idx.hpp"

namespace nn {

struct Dataset {
  IdxImages images;
  IdxLabels label_file;
  std::size_t classes = 0;

  std::size_t size() const { return images.count; }
  std::size_t image_size() const { return images.rows * images.cols; }
  std::span<const std::uint8_t> image(std::size_t i) const {  // (rows, cols), 0 paper .. 255 ink
    return images.pixels().subspan(i * image_size(), image_size());
  }
  std::uint8_t label(std::size_t i) const { return label_file.labels()[i]; }
};

namespace detail {
// `folder`/train-images-idx3-ubyte in any of its four spellings. Throws Error with what was looked for.
inline std::string find_idx_file(const std::string& folder, const std::string& part, char dimensions) {
  const std::string idx = std::string("idx") + dimensions + "-ubyte";
  for (const std::string& name : {part + "-" + idx, part + "." + idx}) {
    for (const char* packed : {"", ".gz"}) {
      const std::filesystem::path path = std::filesystem::path(folder) / (name + packed);
      std::error_code ignored;
      if (std::filesystem::exists(path, ignored)) return path.string();
    }
  }
  const bool exists = std::filesystem::is_directory(folder);
  throw Error(folder, (exists ? "has no " + part : std::string("no such folder")) +
                          ", expected a folder with " + part + "-" + idx + " or " + part + "." + idx +
                          ", plain or .gz");
}
}  // namespace detail

// Reads `folder`/`split`-images-idx3-ubyte and -labels-idx1-ubyte; split is "train" or "t10k". Throws Error
// if a file is missing or damaged, if the counts differ, or if a label is not below `classes`.
inline Dataset load_idx_dataset(const std::string& folder, const std::string& split,
                                std::size_t classes = 10) {
  const std::string images_path = detail::find_idx_file(folder, split + "-images", '3');
  const std::string labels_path = detail::find_idx_file(folder, split + "-labels", '1');
  Dataset data{read_idx_images(images_path), read_idx_labels(labels_path), classes};
  const std::span<const std::uint8_t> labels = data.label_file.labels();
  if (labels.size() != data.size()) {
    throw Error(labels_path, std::to_string(labels.size()) + " labels, expected " +
                                 std::to_string(data.size()) + ", one for each image of " + images_path);
  }
  if (const std::uint8_t largest = *std::max_element(labels.begin(), labels.end()); largest >= classes) {
    throw Error(labels_path,
                "label " + std::to_string(largest) + ", expected 0 to " + std::to_string(classes - 1));
  }
  return data;
}

// Both splits, inflated at the same time.
inline std::pair<Dataset, Dataset> load_train_and_test(const std::string& folder) {
  std::future<Dataset> test = std::async(std::launch::async, load_idx_dataset, folder, "t10k", 10);
  Dataset train = load_idx_dataset(folder, "train");
  return {std::move(train), test.get()};
}

}  // namespace nn
