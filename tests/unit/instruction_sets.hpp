// Tests of vector kernels: every instruction set of this machine that they are compiled for, random
// arguments.
#pragma once

#include <string>

#include "catch.hpp"
#include "nn/core/instruction_set.hpp"
#include "nn/core/rng.hpp"
#include "nn/core/tensor.hpp"

namespace nn::test {

template <class F>
void with_every_instruction_set(F test) {
  for (const std::string& name : instruction_sets()) {
    use_instruction_set(name);
    INFO(name);
    REQUIRE(instruction_set() == name);
    test();
  }
  use_instruction_set("");
}

// Uniform in +-range.
inline Floats random_floats(std::size_t n, float range, SimpleRng& rng) {
  Floats values(n);
  for (float& v : values) v = rng.range(-range, range);
  return values;
}

}  // namespace nn::test
