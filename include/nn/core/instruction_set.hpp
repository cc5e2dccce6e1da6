// The vector instruction set of the kernels: the best that this processor has, chosen at run time.
#pragma once

#include <string>
#include <vector>

namespace nn {

// Names of those that the kernels are compiled for and this processor has, best first, as Highway calls them:
// AVX3 (AVX-512), AVX2, SSE4, SSE2, NEON; SCALAR and EMU128 run everywhere.
std::vector<std::string> instruction_sets();

// The one in use.
std::string instruction_set();

// From now on uses `name`, for tests and to compare; "" for the best one again. Not while kernels run. Throws
// Error if it is none of instruction_sets().
void use_instruction_set(const std::string& name);

}  // namespace nn
