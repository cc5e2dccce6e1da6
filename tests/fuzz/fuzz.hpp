// What the fuzz targets share. A target is LLVMFuzzerTestOneInput(): a reader gets any bytes, and returns a
// result or throws nn::Error. Any other exception, a broken promise (REQUIRE_THAT) and whatever a sanitizer
// finds end the program. libFuzzer makes up the bytes (NN_FUZZ), replay.cpp reads them from files.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "nn/core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#define REQUIRE_THAT(condition)                                                    \
  do {                                                                             \
    if (condition) break;                                                          \
    std::fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
    std::abort();                                                                  \
  } while (false)

namespace nn::fuzz {

// A file that has a path and no place on a disk.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::uint8_t> bytes)
      : descriptor_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    REQUIRE_THAT(descriptor_ >= 0);
    REQUIRE_THAT(::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

// Whether the action came to its end; not if it threw Error.
template <class Action>
bool succeeds(Action action) {
  try {
    action();
    return true;
  } catch (const Error& error) {
    REQUIRE_THAT(*error.what() != '\0');
    return false;
  }
}

}  // namespace nn::fuzz
