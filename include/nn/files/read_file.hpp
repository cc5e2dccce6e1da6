// Files to read from, in parts or whole.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "nn/core/error.hpp"
#include "nn/core/memory.hpp"

namespace nn {

namespace detail {
struct Releaser {
  void (*release)(void* bytes, std::size_t size) = free_array;
  std::size_t size = 0;
  void operator()(std::uint8_t* bytes) const { release(bytes, size); }
};
}  // namespace detail

// An array, or a mapped file (mapped_file.hpp), which can only be read. An array is not cleared before it is
// filled: on 47 MB of images that is 10 ms of page faults saved.
class Bytes {
 public:
  Bytes() = default;
  explicit Bytes(std::size_t size) : Bytes(allocate_array(size), size, free_array) {}
  // Of a mapped file; release(bytes, size) unmaps it.
  Bytes(void* bytes, std::size_t size, void (*release)(void* bytes, std::size_t size))
      : data_(static_cast<std::uint8_t*>(bytes), detail::Releaser{release, size}), size_(size) {}

  std::size_t size() const { return size_; }
  bool is_mapped() const { return data_.get_deleter().release != free_array; }
  std::uint8_t* data() {  // of an array
    assert(!is_mapped());
    return data_.get();
  }
  const std::uint8_t* data() const { return data_.get(); }
  void shrink(std::size_t size) { size_ = size; }  // size <= size(); keeps the first bytes
  operator std::span<const std::uint8_t>() const { return {data(), size()}; }
  std::span<const std::uint8_t> from(std::size_t offset) const { return {data() + offset, size() - offset}; }

 private:
  std::unique_ptr<std::uint8_t[], detail::Releaser> data_;
  std::size_t size_ = 0;
};

class InputFile {
 public:
  // Throws Error if the file is missing, unreadable, or not a regular file.
  explicit InputFile(const std::string& path) : path_(path), descriptor_(::open(path.c_str(), kHow)) {
    if (descriptor_ < 0)
      throw errno == ENOENT || errno == ENOTDIR ? Error(path, "no such file")
                                                : system_error(path, "cannot be read");
    struct stat status {};
    const bool is_known = ::fstat(descriptor_, &status) == 0;
    if (is_known && S_ISREG(status.st_mode)) {
      size_ = static_cast<std::size_t>(status.st_size);
      return;
    }
    ::close(descriptor_);
    throw is_known ? Error(path, "not a regular file") : system_error(path, "cannot be read");
  }
  // A file that is in memory already, where its bytes stay. `name`: what messages call it.
  InputFile(std::string name, std::span<const std::uint8_t> bytes)
      : path_(std::move(name)), size_(bytes.size()), bytes_(bytes.data()) {}
  ~InputFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  InputFile(InputFile&& other) noexcept
      : path_(std::move(other.path_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        size_(other.size_),
        bytes_(other.bytes_) {}
  InputFile& operator=(InputFile&&) = delete;

  const std::string& path() const { return path_; }
  std::size_t size() const { return size_; }      // bytes
  int descriptor() const { return descriptor_; }  // -1: in memory

  // Fills `out`, `size` bytes, from the byte `offset` on. Throws Error if the file does not have them.
  void read_at(std::size_t offset, void* out, std::size_t size) const {
    if (bytes_) {
      if (offset > size_ || size > size_ - offset) throw Error(path_, "ends early, expected more bytes");
      std::copy_n(bytes_ + offset, size, static_cast<std::uint8_t*>(out));  // of 0 bytes `out` may be null
      return;
    }
    for (char* next = static_cast<char*>(out); size > 0;) {
      const ssize_t got = ::pread(descriptor_, next, size, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw system_error(path_, "cannot be read");
      if (got == 0) throw Error(path_, "ends early, expected no change of the file while it is read");
      next += got;
      offset += static_cast<std::size_t>(got);
      size -= static_cast<std::size_t>(got);
    }
  }

 private:
  static constexpr int kHow = O_RDONLY | O_CLOEXEC | O_NONBLOCK;  // does not wait for a pipe's other end

  std::string path_;
  int descriptor_ = -1;
  std::size_t size_ = 0;
  const std::uint8_t* bytes_ = nullptr;  // of a file in memory
};

// Bytes of a text that people write: a file of another kind, named by mistake, is not worth reading.
inline constexpr std::size_t kLargestText = 16 << 20;

// A whole file in memory. Throws Error as InputFile does, and if it has more than `largest` bytes.
inline Bytes read_file(const std::string& path,
                       std::size_t largest = std::numeric_limits<std::size_t>::max()) {
  const InputFile file(path);
  if (file.size() > largest) {
    throw Error(path, std::to_string(file.size()) + " bytes, expected at most " + std::to_string(largest));
  }
  Bytes bytes(file.size());
  file.read_at(0, bytes.data(), bytes.size());
  return bytes;
}

}  // namespace nn
