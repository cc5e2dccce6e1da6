// Memory for arrays: on cache lines, and large ones in huge pages where the system has them.
//
// A batch reads images from all over the data set, and weights by columns. In pages of 4 KB nearly each of
// these reads looks up an address first, and which pages an array happens to get decides what collides in the
// cache.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace nn {

inline constexpr std::size_t kCacheLine = 64, kHugePage = std::size_t{1} << 21;

namespace detail {
// As many huge pages as `bytes` come to, to the nearest number: what is over is in small ones.
inline std::size_t huge_pages(std::size_t bytes) {
  return (bytes + kHugePage / 2) / kHugePage;
}
}  // namespace detail

// `bytes` of memory, not cleared, which begin on a cache line.
inline void* allocate_array(std::size_t bytes) {
  if (bytes > std::numeric_limits<std::ptrdiff_t>::max()) throw std::bad_alloc();
  const std::size_t huge = detail::huge_pages(bytes) * kHugePage;
  if (huge == 0) return ::operator new (bytes, std::align_val_t{kCacheLine});
  void* array = ::operator new (std::max(bytes, huge), std::align_val_t{kHugePage});
#ifdef __linux__
  ::madvise(array, huge, MADV_HUGEPAGE);  // a wish: nothing is lost where it is refused
#endif
  return array;
}

// What allocate_array(bytes) returned.
inline void free_array(void* array, std::size_t bytes) {
  ::operator delete (array, std::align_val_t{detail::huge_pages(bytes) > 0 ? kHugePage : kCacheLine});
}

// For containers.
template <class T>
struct ArrayAllocator {
  using value_type = T;
  ArrayAllocator() = default;
  template <class U>
  ArrayAllocator(const ArrayAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(allocate_array(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) { free_array(p, n * sizeof(T)); }
  template <class U>
  bool operator==(const ArrayAllocator<U>&) const {
    return true;
  }
};

}  // namespace nn
