// A set of labelled images, and its loading from a folder of IDX files.
#pragma once

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <future>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/data/idx.hpp"
#include "nn/data/images.hpp"
#include "nn/files/mapped_file.hpp"

namespace nn {

struct DataOptions {
  std::size_t classes = 0;           // how many there are, 1 .. 256; 0: see count_classes()
  std::size_t named = 0;             // how many have a name
  bool transpose = false;            // swap rows and columns: EMNIST's images are stored by columns
  std::size_t train_limit = 0;       // of the training images the first n; 0: all
  std::size_t test_limit = 0;        // of the test images
  std::size_t map_from = kNeverMap;  // bytes: plain IDX files of images as large as that are mapped
};

struct Dataset {
  Images images;
  Labels labels;
  std::size_t classes = 0;

  std::size_t size() const { return images.count; }
  std::size_t image_size() const { return images.image_size(); }
  std::span<const std::uint8_t> image(std::size_t i) const {  // (rows, cols), 0 paper .. 255 ink
    return images.pixels().subspan(i * image_size(), image_size());
  }
  std::uint8_t label(std::size_t i) const { return labels.labels()[i]; }
};

// Of all images and labels: what tells one data set from another.
inline std::uint32_t crc32(const Dataset& data) {
  std::uint32_t crc = 0;
  const auto add = [&](std::span<const std::uint8_t> bytes) {
    crc = libdeflate_crc32(crc, bytes.data(), bytes.size());
  };
  for_parts(data.images.bytes, data.images.offset, add);
  add(data.labels.labels());
  return crc;
}

// How many classes there are: `expected`; if that is 0, what the file states; if it does not, as many as are
// `named`, 10 if none is, or more if no label is left out: 26 in EMNIST's letters, labelled 1 .. 26, make 27,
// of which class 0 stays unused. So one wrong label does not become a class. Throws Error if a label does not
// fit.
inline std::size_t count_classes(const Labels& labels, std::size_t expected, std::size_t named = 0) {
  std::array<bool, 256> occurs{};
  for (const std::uint8_t label : labels.labels()) occurs[label] = true;
  std::size_t largest = 255, missing = 1;
  while (largest > 0 && !occurs[largest]) --largest;
  while (missing < largest && occurs[missing]) ++missing;

  const std::size_t stated = expected != 0 ? expected : labels.classes;
  const std::size_t classes = stated != 0 ? stated : named != 0 ? named : 10;
  if (largest < classes) return classes;
  if (stated == 0 && missing == largest) return largest + 1;
  std::string or_more;
  if (stated == 0) {
    if (named != 0) or_more = ", as " + std::to_string(named) + " classes have names";
    or_more += ", or every label from 1 to ";  // in pieces: of one sum, GCC 12 warns without a reason
    or_more += std::to_string(largest);
    or_more += ": ";
    or_more += std::to_string(missing);
    or_more += " does not occur";
  }
  throw Error(labels.source, "label " + std::to_string(largest) + ", expected 0 to " +
                                 std::to_string(classes - 1) + or_more);
}

namespace detail {

// Labels of as many images.
inline void check_counts(const Images& images, const Labels& labels) {
  if (labels.labels().size() == images.count) return;
  throw Error(labels.source, std::to_string(labels.labels().size()) + " labels, expected " +
                                 std::to_string(images.count) + ", one for each image of " + images.source);
}

// What every loader ends with: the number of classes is settled, the first `limit` images (0: all) are kept.
inline Dataset complete(Dataset data, std::size_t classes, std::size_t limit) {
  data.classes = count_classes(data.labels, classes);
  if (limit != 0 && limit < data.size()) {
    data.images.count = limit;
    data.images.bytes.shrink(data.images.offset + limit * data.image_size());
    data.labels.bytes.shrink(data.labels.offset + limit);
  }
  return data;
}

// Both splits: the test images have to be as large as the training images, and of their classes.
inline std::pair<Dataset, Dataset> complete(Dataset train, Dataset test, const DataOptions& options) {
  const auto size = [](const Images& i) { return std::to_string(i.rows) + " x " + std::to_string(i.cols); };
  if (size(train.images) != size(test.images)) {
    throw Error(test.images.source, "images of " + size(test.images) + " pixels, expected " +
                                        size(train.images) + " as in " + train.images.source);
  }
  const std::size_t classes = count_classes(train.labels, options.classes, options.named);
  train = complete(std::move(train), classes, options.train_limit);
  test = complete(std::move(test), classes, options.test_limit);
  return {std::move(train), std::move(test)};
}

// `folder`/train-images-idx3-ubyte in its four spellings.
inline std::vector<std::string> idx_spellings(const std::string& folder, const std::string& part,
                                              char dimensions) {
  const std::string idx = std::string("idx") + dimensions + "-ubyte";
  std::vector<std::string> paths;
  for (const std::string& name : {part + "-" + idx, part + "." + idx}) {
    for (const char* packed : {"", ".gz"}) {
      paths.push_back((std::filesystem::path(folder) / (name + packed)).string());
    }
  }
  return paths;
}

// The first of them that is there. Throws Error with what was looked for.
inline std::string find_idx_file(const std::string& folder, const std::string& part, char dimensions) {
  std::error_code reason;  // if one is there and cannot be read, its reader says why
  for (const std::string& path : idx_spellings(folder, part, dimensions)) {
    if (std::filesystem::status(path, reason).type() != std::filesystem::file_type::not_found) return path;
  }
  const std::string idx = std::string("idx") + dimensions + "-ubyte";
  const bool exists = std::filesystem::is_directory(folder, reason);
  throw Error(folder, (exists ? "has no " + part : std::string("no such folder")) +
                          ", expected a folder with " + part + "-" + idx + " or " + part + "." + idx +
                          ", plain or .gz");
}

// Images to be transposed, which is done in place, are read.
inline Dataset read_idx_dataset(const std::string& folder, const std::string& split,
                                const DataOptions& options) {
  Dataset data{read_idx_images(find_idx_file(folder, split + "-images", '3'),
                               options.transpose ? kNeverMap : options.map_from),
               read_idx_labels(find_idx_file(folder, split + "-labels", '1')), 0};
  check_counts(data.images, data.labels);
  if (options.transpose) transpose(data.images);
  return data;
}

}  // namespace detail

// All files that a data set in `folder` may be in: its four parts, in all spellings.
inline std::vector<std::string> idx_dataset_files(const std::string& folder) {
  std::vector<std::string> all;
  for (const std::string& split : {std::string("train"), std::string("t10k")}) {
    for (const auto& [part, dimensions] : {std::pair("-images", '3'), std::pair("-labels", '1')}) {
      for (std::string& path : detail::idx_spellings(folder, split + part, dimensions)) {
        all.push_back(std::move(path));
      }
    }
  }
  return all;
}

// Reads `folder`/`split`-images-idx3-ubyte and -labels-idx1-ubyte; split is "train" or "t10k". Throws Error
// if a file is missing or damaged, if the counts differ, or if a label does not fit the classes.
inline Dataset load_idx_dataset(const std::string& folder, const std::string& split,
                                const DataOptions& options = {}) {
  return detail::complete(detail::read_idx_dataset(folder, split, options), options.classes,
                          split == "train" ? options.train_limit : options.test_limit);
}

// Both splits, inflated at the same time.
inline std::pair<Dataset, Dataset> load_train_and_test(const std::string& folder,
                                                       const DataOptions& options = {}) {
  std::future<Dataset> test =
      std::async(std::launch::async, detail::read_idx_dataset, folder, "t10k", options);
  Dataset train = detail::read_idx_dataset(folder, "train", options);
  return detail::complete(std::move(train), test.get(), options);
}

}  // namespace nn
