// SafeTensors files, written and read. The format is defined in safetensors_header.hpp.
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
#include <utility>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/files/atomic_file.hpp"
#include "nn/files/read_file.hpp"
#include "nn/files/safetensors_header.hpp"

namespace nn {

static_assert(std::endian::native == std::endian::little, "SafeTensors files are little-endian");

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
  std::size_t save(const std::string& path) const {
    // Wide types first, so that every tensor is aligned; the package does the same.
    std::vector<const StoredTensor*> order;
    for (const StoredTensor& t : tensors_) order.push_back(&t);
    std::ranges::stable_sort(order, std::ranges::greater(), &StoredTensor::value_size);

    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata_.empty()) header["__metadata__"] = metadata_;
    std::size_t end = 0;
    for (const StoredTensor* t : order) {
      const std::size_t begin = end;
      end += t->bytes.size();
      header[t->name] = {{"dtype", t->dtype}, {"shape", t->shape}, {"data_offsets", {begin, end}}};
    }
    // A path among the metadata may be any bytes; what is not UTF-8 becomes U+FFFD.
    std::string text = json_text(header);
    text.resize((text.size() + 7) / 8 * 8, ' ');

    AtomicFile file(path);
    const std::uint64_t length = text.size();
    char length_bytes[sizeof length];
    std::memcpy(length_bytes, &length, sizeof length);
    file.write({length_bytes, sizeof length});
    file.write(text);
    for (const StoredTensor* t : order) file.write(t->bytes);
    file.commit();
    return sizeof length + text.size() + end;
  }

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
  explicit Safetensors(const std::string& path) : file_(path) {
    constexpr std::uint64_t largest_header = 100'000'000;  // as in the package
    const std::uint64_t size = file_.size();
    std::uint64_t length = 0;
    if (size < sizeof length) {
      throw Error(path, "only " + std::to_string(size) + " bytes long, expected a SafeTensors file");
    }
    file_.read_at(0, &length, sizeof length);
    if (length > std::min(size - sizeof length, largest_header)) {
      throw Error(path, "announces a header of " + std::to_string(length) +
                            " bytes, expected a SafeTensors file, with one of at most " +
                            std::to_string(std::min(size - sizeof length, largest_header)));
    }
    std::string text(length, '\0');
    file_.read_at(sizeof length, text.data(), text.size());
    data_offset_ = sizeof length + length;
    header_ = detail::parse_safetensors_header(path, text, size - data_offset_);
  }

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
    if (!std::ranges::equal(shape(name), expected_shape)) {
      throw detail::tensor_error(
          path(), name, "has shape " + shape_text(shape(name)) + ", expected " + shape_text(expected_shape));
    }
    assert(out.size() * sizeof(T) == info(name).end - info(name).begin ||
           dtype(name) != safetensors_dtype<T>);
    read_part(name, 0, out);
  }

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

  InputFile file_;
  std::size_t data_offset_ = 0;
  detail::SafetensorsHeader header_;
};

}  // namespace nn
