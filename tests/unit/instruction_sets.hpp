// Tests of vector kernels: every instruction set of this machine that they are compiled for, random
// arguments.
#pragma once

#include <hwy/highway.h>

#include "catch.hpp"
#include "nn/core/rng.hpp"
#include "nn/core/tensor.hpp"

namespace nn::test {

template <class F>
void with_every_instruction_set(F test) {
  for (std::int64_t targets = hwy::SupportedTargets() & HWY_TARGETS; targets != 0; targets &= targets - 1) {
    hwy::SetSupportedTargetsForTest(targets & -targets);
    INFO(hwy::TargetName(targets & -targets));
    test();
  }
  hwy::SetSupportedTargetsForTest(0);
}

// Uniform in +-range.
inline Floats random_floats(std::size_t n, float range, SimpleRng& rng) {
  Floats values(n);
  for (float& v : values) v = rng.range(-range, range);
  return values;
}

}  // namespace nn::test
