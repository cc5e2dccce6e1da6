// SimpleRng: the one random generator. Explicit seed, passed by reference, never global.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace nn {

// A hash: every bit of x changes every bit of the result. SplitMix64's (Steele, Lea & Flood, 2014).
inline std::uint64_t mix_bits(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

// A seed for item i of what `seed` makes. As both are hashed, neighbouring seeds have no item in common:
// seed + i would give seed 7's second item to seed 8 as its first.
inline std::uint64_t item_seed(std::uint64_t seed, std::uint64_t i) {
  return mix_bits(mix_bits(seed) ^ i);
}

// xorshift64 (Marsaglia, "Xorshift RNGs", 2003; shifts 13, 7, 17), period 2^64 - 1.
// The same seed gives the same numbers on every machine; tests/unit/rng_test.cpp holds known answers. Two
// draws never stand in one expression: C++ does not say which comes first, and compilers differ.
class SimpleRng {
 public:
  // Any seed is allowed; 0, on which xorshift would stay for ever, stands for the golden ratio's bits.
  explicit SimpleRng(std::uint64_t seed) : state_(seed != 0 ? seed : 0x9e3779b97f4a7c15u) {}

  // Uniform over all 32-bit values: the upper half of the state.
  std::uint32_t next_u32() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::uint32_t>(state_ >> 32);
  }

  // Uniform in [0, 1): 24 bits fill a float's mantissa, 32 are what a double gets.
  float next_f32() { return static_cast<float>(next_u32() >> 8) * 0x1p-24f; }
  double next_f64() { return next_u32() * 0x1p-32; }

  // Uniform in [lo, hi).
  float range(float lo, float hi) { return lo + (hi - lo) * next_f32(); }
  double range(double lo, double hi) { return lo + (hi - lo) * next_f64(); }

  // 0 .. n-1, n >= 1. The modulo's bias is below n / 2^32, which no training run can see.
  std::uint32_t below(std::uint32_t n) { return next_u32() % n; }

  // Fisher-Yates, from the back.
  template <class T>
  void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i-- > 1;) {
      std::swap(items[i], items[below(static_cast<std::uint32_t>(i + 1))]);
    }
  }

  // All of the generator's memory, for checkpoints.
  std::uint64_t state() const { return state_; }

 private:
  std::uint64_t state_;
};

}  // namespace nn
