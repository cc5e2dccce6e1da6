#include "nn/core/openblas_core.hpp"

#include <string>

#include "catch.hpp"
#include "nn/core/matmul.hpp"

using namespace nn;

namespace {
constexpr X86Features kCore2{};
constexpr X86Features kNehalem{.sse4_2 = true};
constexpr X86Features kSandyBridge{.sse4_2 = true, .avx = true};
constexpr X86Features kPiledriver{.sse4_2 = true, .avx = true, .fma = true};
constexpr X86Features kHaswell{.sse4_2 = true, .avx = true, .avx2 = true, .fma = true};
constexpr X86Features kZen5{.sse4_2 = true, .avx = true, .avx2 = true, .fma = true, .avx512 = true};
constexpr X86Features kAvx2WithoutFma{.sse4_2 = true, .avx = true, .avx2 = true};
constexpr X86Features kNoAvxInSystem{.sse4_2 = true, .avx2 = true, .fma = true, .avx512 = true};

struct ProcessorCase {
  std::string processor;
  X86Features has;
  std::string taken, better;
};
}  // namespace

TEST_CASE("the features of a processor decide which of OpenBLAS's kernels it uses") {
  const ProcessorCase c =
      GENERATE(ProcessorCase{"Zen 5, unknown to 0.3.21", kZen5, "Haswell", "SkylakeX"},
               ProcessorCase{"Zen 5, by an even older one", kZen5, "Barcelona", "SkylakeX"},
               ProcessorCase{"Zen 5, unknown at all", kZen5, "Prescott", "SkylakeX"},
               ProcessorCase{"Zen 4, which 0.3.21 knows", kZen5, "Cooperlake", ""},
               ProcessorCase{"Skylake-X", kZen5, "SkylakeX", ""},
               ProcessorCase{"Sapphire Rapids", kZen5, "SapphireRapids", ""},
               ProcessorCase{"a core that is newer than this table", kZen5, "Zen7", ""},
               ProcessorCase{"Haswell", kHaswell, "Haswell", ""}, ProcessorCase{"Zen 3", kHaswell, "Zen", ""},
               ProcessorCase{"Excavator", kHaswell, "Excavator", ""},
               ProcessorCase{"Alder Lake, unknown", kHaswell, "Nehalem", "Haswell"},
               ProcessorCase{"qemu-x86_64 -cpu max", kHaswell, "Opteron", "Haswell"},
               ProcessorCase{"AVX-512 switched off by the system", kHaswell, "SkylakeX", "Haswell"},
               ProcessorCase{"AVX2 without FMA", kAvx2WithoutFma, "Haswell", "Sandybridge"},
               ProcessorCase{"Sandy Bridge", kSandyBridge, "Sandybridge", ""},
               ProcessorCase{"Sandy Bridge, taken for more", kSandyBridge, "Haswell", "Sandybridge"},
               ProcessorCase{"Sandy Bridge, unknown", kSandyBridge, "Nehalem", "Sandybridge"},
               ProcessorCase{"Piledriver", kPiledriver, "Piledriver", ""},
               ProcessorCase{"Nehalem", kNehalem, "Nehalem", ""},
               ProcessorCase{"Nehalem, taken for more", kNehalem, "Haswell", "Nehalem"},
               ProcessorCase{"AVX switched off by the system", kNoAvxInSystem, "Zen", "Nehalem"},
               ProcessorCase{"without AVX, AMD's", kNehalem, "Barcelona", ""},
               ProcessorCase{"Core 2", kCore2, "Core2", ""},
               ProcessorCase{"Core 2, taken for more", kCore2, "Nehalem", "Prescott"});
  CAPTURE(c.processor, c.taken);
  CHECK(better_core(c.taken, level_of(c.has), false) == c.better);
  CHECK(better_core(c.better, level_of(c.has), false).empty());  // the choice is stable
}

TEST_CASE("OPENBLAS_CORETYPE wins where the processor can run it") {
  CHECK(better_core("Haswell", level_of(kZen5), true).empty());
  CHECK(better_core("Prescott", level_of(kHaswell), true).empty());
  CHECK(better_core("Haswell", level_of(kNehalem), true) == "Nehalem");
  CHECK(better_core("SkylakeX", level_of(kHaswell), true) == "Haswell");
}

TEST_CASE("the OpenBLAS in use tells its version and kernels") {
  const BlasInfo info = blas_info();
  CHECK(info.version.find('.') != std::string::npos);
  CHECK_FALSE(info.core.empty());
}
