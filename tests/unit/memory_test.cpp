#include "nn/core/memory.hpp"

#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "catch.hpp"

using namespace nn;

TEST_CASE("arrays of any size begin on a cache line, large ones on a huge page") {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{100}, kHugePage / 2 - 1, kHugePage / 2,
                                  kHugePage + 1, 3 * kHugePage / 2, 5 * kHugePage - 7}) {
    void* array = allocate_array(bytes);
    const std::size_t alignment = bytes < kHugePage / 2 ? kCacheLine : kHugePage;
    CHECK(reinterpret_cast<std::uintptr_t>(array) % alignment == 0);
    std::memset(array, 1, bytes);
    free_array(array, bytes);
  }
}

TEST_CASE("a container keeps its values when it grows past a huge page") {
  std::vector<std::uint32_t, ArrayAllocator<std::uint32_t>> values(1000);
  std::iota(values.begin(), values.end(), 0u);
  values.resize(kHugePage);
  CHECK(values[999] == 999);
  CHECK(values.back() == 0);
}
