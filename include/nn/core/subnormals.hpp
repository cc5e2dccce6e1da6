// FlushSubnormals: numbers closer to 0 than 1.2e-38 count as 0, where the processor can do that.
//
// Training makes such numbers: gradients through saturated units, moments of weights that no longer change.
// Some processors take a hundred times as long for each: on an Intel Xeon (Emerald Rapids), an epoch of
// mnist_mlp's `fast` rose from 1.0 to 3.5 seconds while the network learned, and stays at 0.8 with this.
// Results do not depend on it: such a number added to any other is lost in rounding anyway.
#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace nn {

// For the thread that makes it, until it goes out of scope; then what held before holds again.
class FlushSubnormals {
 public:
  static bool available() { return kFlush != 0; }

  FlushSubnormals() : before_(control()) { set_control(before_ | kFlush); }
  ~FlushSubnormals() { set_control(before_); }
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
#if defined(__SSE2__)
  static constexpr unsigned kFlush = 0x8040;  // results (bit 15) and operands (bit 6)
  static unsigned control() {
    return _mm_getcsr();
  }
  static void set_control(unsigned value) {
    _mm_setcsr(value);
  }
#elif defined(__aarch64__)
  static constexpr std::uint64_t kFlush = 1u << 24;  // FPCR.FZ: results and operands
  static std::uint64_t control() {
    std::uint64_t value;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    return value;
  }
  static void set_control(std::uint64_t value) {
    asm volatile("msr fpcr, %0" : : "r"(value));
  }
#else
  static constexpr unsigned kFlush = 0;
  static unsigned control() {
    return 0;
  }
  static void set_control(unsigned) {}
#endif
  const decltype(control()) before_;
};

}  // namespace nn
