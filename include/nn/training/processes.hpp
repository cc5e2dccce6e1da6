// Processes: those that train one network together, as mpirun has started them, or this one alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

namespace nn {

class Processes {
 public:
  virtual ~Processes() = default;

  virtual std::size_t count() const { return 1; }  // >= 1
  virtual std::size_t rank() const { return 0; }   // 0 .. count() - 1

  // What every process gives, one after another in the order of their ranks; sizes[rank] bytes of each. All
  // processes call it, and wait for one another.
  virtual void gather(std::span<const std::byte> mine, std::span<const std::size_t> sizes,
                      std::span<std::byte> all) {
    (void)sizes;
    std::ranges::copy(mine, all.begin());
  }

  // Sends to_sizes[rank] floats of `to`, one after another, to each rank, and receives from_sizes[rank]
  // floats from each into `from`.
  virtual void exchange(std::span<const float> to, std::span<const std::size_t> to_sizes,
                        std::span<const std::size_t> from_sizes, std::span<float> from) {
    (void)to_sizes, (void)from_sizes;
    std::ranges::copy(to, from.begin());
  }

  // Ends all processes at once, this one included.
  virtual void abort(int status) { (void)status; }
};

// This one alone.
inline Processes& this_process() {
  static Processes alone;
  return alone;
}

}  // namespace nn
