// nn/core/instruction_set.hpp, by Highway. Here, because HWY_TARGETS depends on how a file is compiled: this
// one is compiled as the kernels are.
#include "nn/core/instruction_set.hpp"

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/core/text.hpp"

namespace nn {

namespace {
using Targets = decltype(hwy::SupportedTargets());  // std::int64_t; before Highway 1.0 std::uint32_t

std::string name_of(Targets target) {
  return hwy::TargetName(target);
}

// A better one is a lower bit.
Targets best(Targets targets) {
  targets &= HWY_TARGETS;
  return targets == 0 ? HWY_STATIC_TARGET : targets & -targets;
}

// Of this processor, whatever use_instruction_set() says now.
const std::vector<Targets>& targets_here() {
  static const std::vector<Targets> targets = [] {
    std::vector<Targets> found;
    for (Targets left = hwy::SupportedTargets() & HWY_TARGETS; left != 0; left &= left - 1) {
      found.push_back(best(left));
    }
    return found.empty() ? std::vector<Targets>{HWY_STATIC_TARGET} : found;
  }();
  return targets;
}
}  // namespace

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  std::ranges::transform(targets_here(), std::back_inserter(names), name_of);
  return names;
}

std::string instruction_set() {
  return name_of(best(hwy::SupportedTargets()));
}

void use_instruction_set(const std::string& name) {
  for (const Targets target : targets_here()) {
    if (name == name_of(target)) return hwy::SetSupportedTargetsForTest(target);
  }
  if (!name.empty()) {
    throw Error("instruction set", "found '" + name + "', expected one that this processor has: " +
                                       join(targets_here(), ", ", name_of));
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace nn
