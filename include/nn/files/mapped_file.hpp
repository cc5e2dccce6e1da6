// Files mapped into memory: a page is read from the disk when one of its bytes is first used, and the system
// takes it back when it needs the memory. So a file may be larger than memory, and the processes of a machine
// share one copy of it, the system's own.
//
// A page that cannot be read, because the file was cut short or its disk fails, is no Error: the system sends
// SIGBUS, which ends a program that does not handle it.
#pragma once

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "nn/files/read_file.hpp"

namespace nn {

inline constexpr std::size_t kNeverMap = std::numeric_limits<std::size_t>::max();  // as a file's size

// The whole file, to be read only. Nothing if the system cannot map it: not every file system can, and a
// limit of the address space counts mappings.
inline std::optional<Bytes> map_file(const InputFile& file) {
  void* const bytes = ::mmap(nullptr, file.size(), PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (bytes == MAP_FAILED) return std::nullopt;
  ::madvise(bytes, file.size(), MADV_RANDOM);  // no pages beside the one that is used; see read_ahead()
  return Bytes(bytes, file.size(), [](void* start, std::size_t size) { ::munmap(start, size); });
}

// Starts reading this part of a mapped file from the disk, without waiting for it.
inline void read_ahead(std::span<const std::uint8_t> part) {
  static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  constexpr std::size_t kMaxRequest = 128 << 10;  // bytes; Linux may cut a larger request short
  auto* const bytes = const_cast<std::uint8_t*>(part.data());
  const std::size_t before = reinterpret_cast<std::uintptr_t>(bytes) % page;
  for (std::size_t begin = 0, size = before + part.size(); begin < size; begin += kMaxRequest) {
    ::madvise(bytes - before + begin, std::min(kMaxRequest, size - begin), MADV_WILLNEED);
  }
}

// How much this process has had read from disks so far, in blocks of 512 bytes: it grows while pages of a
// mapped file are missing.
inline long blocks_read() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_inblock;
}

// Calls f(part) for the bytes from `offset` on, one part after another; of a mapped file, the next part is
// read meanwhile.
template <class F>
void for_parts(const Bytes& bytes, std::size_t offset, F f) {
  constexpr std::size_t kPart = 1 << 20;
  const std::span<const std::uint8_t> all = bytes.from(offset);
  const auto part = [&](std::size_t begin) {
    return all.subspan(begin, std::min(kPart, all.size() - begin));
  };
  for (std::size_t begin = 0; begin < all.size(); begin += kPart) {
    if (bytes.is_mapped() && begin + kPart < all.size()) read_ahead(part(begin + kPart));
    f(part(begin));
  }
}

}  // namespace nn
