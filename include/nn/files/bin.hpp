// Model files in the style of mlp.c: int32 sizes and float64 values, little-endian, nothing else.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "nn/core/error.hpp"
#include "nn/core/tensor.hpp"
#include "nn/core/text.hpp"
#include "nn/files/atomic_file.hpp"
#include "nn/files/read_file.hpp"

namespace nn {

static_assert(std::endian::native == std::endian::little, "the .bin files are little-endian");

class BinWriter {
 public:
  void sizes(std::initializer_list<std::size_t> values) {
    for (const std::size_t v : values) append(static_cast<std::int32_t>(v));
  }
  template <class T>
  void values(std::span<const T> values) {
    for (const T v : values) append(static_cast<double>(v));
  }
  void tensor(const Tensor& t) { values(std::span<const float>(t.value)); }

  // The file appears whole or not at all. Returns its size in bytes.
  std::size_t save(const std::string& path) const {
    write_atomically(path, bytes_);
    return bytes_.size();
  }

 private:
  template <class T>
  void append(T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    bytes_.append(bytes, sizeof value);
  }
  std::string bytes_;
};

class BinReader {
 public:
  // Throws Error if the file cannot be read.
  explicit BinReader(InputFile file) : file_(std::move(file)) {}

  std::size_t file_size() const { return file_.size(); }
  const std::string& path() const { return file_.path(); }

  // The int32 at a byte offset, as a size; 0 (which no size is) if it is negative or past the end.
  std::size_t size_at(std::size_t offset) const {
    std::int32_t value = 0;
    if (offset + sizeof value <= file_size()) file_.read_at(offset, &value, sizeof value);
    return value > 0 ? static_cast<std::size_t>(value) : 0;
  }
  void skip_sizes(std::size_t count) { offset_ += 4 * count; }

  // The next values, read in parts: as float64 they would take more memory than the model. The caller has
  // checked the file's size; throws Error if one is not a finite number.
  template <class T>
  void values(std::span<T> out) {
    std::array<double, 2048> part;
    for (std::size_t first = 0; first < out.size(); first += part.size()) {
      const std::size_t count = std::min(part.size(), out.size() - first);
      file_.read_at(offset_, part.data(), count * sizeof(double));
      const std::span<T> read = out.subspan(first, count);
      for (std::size_t i = 0; i < count; ++i) read[i] = static_cast<T>(part[i]);
      if (!finite(std::span<const T>(read))) {
        std::size_t i = 0;
        while (std::isfinite(read[i])) ++i;
        throw Error(path(), "weight " + number_text(part[i]) + " at byte " +
                                std::to_string(offset_ + i * sizeof(double)) + ", expected a finite number");
      }
      offset_ += count * sizeof(double);
    }
  }
  void tensor(Tensor& t) { values(std::span<float>(t.value)); }

 private:
  InputFile file_;
  std::size_t offset_ = 0;
};

}  // namespace nn
