// Forward, backward and update of an XorNet in one: three times as fast as train(), with the same result
// within rounding. src/kernels/xor_sgd.cpp says how.
#pragma once

#include <cstddef>

#include "nn/xor_net.hpp"

namespace nn {

double train_fused(XorNet& net, const XorSamples& samples, std::size_t epochs, double rate);

}  // namespace nn
