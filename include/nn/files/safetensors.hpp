// SafeTensors files: named tensors, as the Python package `safetensors` writes and reads them.
//
//   uint64 N, little-endian; N bytes of JSON, spaces at its end; then the values, little-endian, row-major:
//   {"__metadata__": {"seed": "42"}, "W1": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
//
// Metadata maps text to text. A tensor's data_offsets are its begin and end in the bytes behind the header;
// together the tensors cover these bytes without overlap and without a gap.
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/core/text.hpp"
#include "nn/files/atomic_file.hpp"
#include "nn/files/read_file.hpp"

namespace nn {

static_assert(std::endian::native == std::endian::little, "SafeTensors files are little-endian");

// The format's name of a type that is read and written here; "" for all others.
template <class T>
inline constexpr std::string_view safetensors_dtype = "";
template <>
inline constexpr std::string_view safetensors_dtype<float> = "F32";
template <>
inline constexpr std::string_view safetensors_dtype<double> = "F64";
template <>
inline constexpr std::string_view safetensors_dtype<std::uint8_t> = "U8";
template <>
inline constexpr std::string_view safetensors_dtype<std::int32_t> = "I32";
template <>
inline constexpr std::string_view safetensors_dtype<std::uint32_t> = "U32";
template <>
inline constexpr std::string_view safetensors_dtype<std::int64_t> = "I64";
template <>
inline constexpr std::string_view safetensors_dtype<std::uint64_t> = "U64";
template <class T>
concept SafetensorsValue = !safetensors_dtype<T>.empty();

// "(784, 512)", as Python writes it.
inline std::string shape_text(std::span<const std::size_t> shape) {
  std::string text = "(";
  text += join(shape, ", ");
  return text + (shape.size() == 1 ? ",)" : ")");
}

struct SafetensorsInfo {
  std::string dtype;
  std::vector<std::size_t> shape;
  std::size_t begin = 0, end = 0;  // in the bytes behind the header
};

namespace detail {

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::map<std::string, SafetensorsInfo> tensors;
};

Error tensor_error(const std::string& path, const std::string& name, const std::string& message);

}  // namespace detail

class SafetensorsWriter {
 public:
  void metadata(const std::string& key, std::string text) { metadata_[key] = std::move(text); }

  // Copies the values. The product of `shape` is their number; {} is a single value.
  template <class Values>
  void tensor(const std::string& name, const std::vector<std::size_t>& shape, const Values& values) {
    const std::span view(std::data(values), std::size(values));
    using T = typename decltype(view)::value_type;
    static_assert(SafetensorsValue<T>);
    assert(name != "__metadata__" && std::ranges::none_of(tensors_, [&](auto& t) { return t.name == name; }));
    assert(view.size() == std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>()));
    const std::span<const std::byte> bytes = std::as_bytes(view);
    tensors_.push_back({name, std::string(safetensors_dtype<T>), shape, sizeof(T),
                        std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())});
  }

  // The file appears whole or not at all. Returns its size in bytes. Throws Error if it cannot be written.
  std::size_t save(const std::string& path) const;

 private:
  struct StoredTensor {
    std::string name, dtype;
    std::vector<std::size_t> shape;
    std::size_t value_size;
    std::string bytes;
  };
  std::map<std::string, std::string> metadata_;
  std::vector<StoredTensor> tensors_;
};

// A file to read from. Only the header is in memory; values go from the file to where they are wanted.
class Safetensors {
 public:
  // Throws Error if the file cannot be read or if anything in its header is wrong.
  explicit Safetensors(const std::string& path) : Safetensors(InputFile(path)) {}
  explicit Safetensors(InputFile file);

  const std::string& path() const { return file_.path(); }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  std::string text(const std::string& key) const {  // of the metadata, "" if it has no such key
    const auto found = metadata().find(key);
    return found == metadata().end() ? std::string() : found->second;
  }
  const std::map<std::string, SafetensorsInfo>& tensors() const { return header_.tensors; }  // by name

  bool has(const std::string& name) const { return header_.tensors.contains(name); }
  const std::string& dtype(const std::string& name) const { return info(name).dtype; }
  const std::vector<std::size_t>& shape(const std::string& name) const { return info(name).shape; }

  // The values of a tensor of this type and shape, into `out`. Throws Error if it is missing or another.
  template <SafetensorsValue T>
  void read(const std::string& name, std::span<const std::size_t> expected_shape, std::span<T> out) const {
    check_shape(name, expected_shape);
    assert(out.size() * sizeof(T) == info(name).end - info(name).begin ||
           dtype(name) != safetensors_dtype<T>);
    read_part(name, 0, out);
  }

  // The same for float32 or float16, as float.
  void read_floats(const std::string& name, std::span<const std::size_t> expected_shape,
                   std::span<float> out) const;

  // The values of a tensor of this type and any shape.
  template <SafetensorsValue T>
  std::vector<T> values(const std::string& name) const {
    std::vector<T> out((info(name).end - info(name).begin) / sizeof(T));
    read_part(name, 0, std::span(out));
    return out;
  }

  // The values first .. first + out.size() - 1, counted in row-major order.
  template <SafetensorsValue T>
  void read_part(const std::string& name, std::size_t first, std::span<T> out) const {
    const SafetensorsInfo& tensor = info(name);
    if (tensor.dtype != safetensors_dtype<T>) {
      throw detail::tensor_error(
          path(), name, "has dtype " + tensor.dtype + ", expected " + std::string(safetensors_dtype<T>));
    }
    const std::size_t begin = tensor.begin + first * sizeof(T);
    assert(begin + out.size_bytes() <= tensor.end);
    file_.read_at(data_offset_ + begin, out.data(), out.size_bytes());
  }

 private:
  const SafetensorsInfo& info(const std::string& name) const {
    const auto found = header_.tensors.find(name);
    if (found != header_.tensors.end()) return found->second;
    throw Error(path(), "has no tensor \"" + name + "\" among its " + std::to_string(header_.tensors.size()));
  }

  void check_shape(const std::string& name, std::span<const std::size_t> expected) const {
    if (std::ranges::equal(shape(name), expected)) return;
    throw detail::tensor_error(path(), name,
                               "has shape " + shape_text(shape(name)) + ", expected " + shape_text(expected));
  }

  InputFile file_;
  std::size_t data_offset_ = 0;
  detail::SafetensorsHeader header_;
};

}  // namespace nn
