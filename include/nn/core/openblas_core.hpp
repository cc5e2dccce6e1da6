// Which of OpenBLAS's sets of kernels ("cores", as it calls them) suits a processor.
//
// OpenBLAS goes by the processor's model. One that is newer than the library may get kernels of an older
// instruction set, at half the speed: on a Zen 5, 0.3.21 multiplies at 112 GFLOP/s a core with its AVX2
// kernels and at 217 with its SkylakeX kernels. And OPENBLAS_CORETYPE, set for one machine, may name kernels
// that another cannot run. So where OpenBLAS took too little or too much, the features decide, not the model.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace nn {

// What decides, of a processor and its operating system together.
struct X86Features {
  bool sse4_2 = false, avx = false, avx2 = false, fma = false;
  bool avx512 = false;  // F, CD, BW, DQ and VL, all of them
};

// Each includes those before it.
enum class X86Level { baseline, sse4, avx, avx2, avx512 };

constexpr X86Level level_of(const X86Features& has) {
  if (!has.avx) return has.sse4_2 ? X86Level::sse4 : X86Level::baseline;
  if (!has.avx2 || !has.fma) return X86Level::avx;
  return has.avx512 ? X86Level::avx512 : X86Level::avx2;
}

namespace detail {
struct OpenBlasCore {
  std::string_view name;
  X86Level needs;
};
// Of the cores that need a level, the one that processors of this level should use comes first.
inline constexpr std::array kOpenBlasCores = {OpenBlasCore{"SkylakeX", X86Level::avx512},
                                              OpenBlasCore{"Cooperlake", X86Level::avx512},
                                              OpenBlasCore{"SapphireRapids", X86Level::avx512},
                                              OpenBlasCore{"Haswell", X86Level::avx2},
                                              OpenBlasCore{"Zen", X86Level::avx2},
                                              OpenBlasCore{"Excavator", X86Level::avx2},
                                              OpenBlasCore{"Sandybridge", X86Level::avx},
                                              OpenBlasCore{"Bulldozer", X86Level::avx},
                                              OpenBlasCore{"Piledriver", X86Level::avx},
                                              OpenBlasCore{"Steamroller", X86Level::avx},
                                              OpenBlasCore{"Nehalem", X86Level::sse4},
                                              OpenBlasCore{"Prescott", X86Level::baseline},
                                              OpenBlasCore{"Core2", X86Level::baseline},
                                              OpenBlasCore{"Penryn", X86Level::baseline},
                                              OpenBlasCore{"Dunnington", X86Level::baseline},
                                              OpenBlasCore{"Atom", X86Level::baseline},
                                              OpenBlasCore{"Nano", X86Level::baseline},
                                              OpenBlasCore{"Opteron", X86Level::baseline},
                                              OpenBlasCore{"Opteron_SSE3", X86Level::baseline},
                                              OpenBlasCore{"Barcelona", X86Level::baseline},
                                              OpenBlasCore{"Bobcat", X86Level::baseline}};
}  // namespace detail

// The core that a processor of `level` should use instead of `taken`, which OpenBLAS took by itself or, if
// `by_user`, because OPENBLAS_CORETYPE says so; "" to leave it as it is. A user's choice stands as long as
// the processor can run it, and so does a core that is not known here: a newer OpenBLAS knows better.
constexpr std::string_view better_core(std::string_view taken, X86Level level, bool by_user) {
  const auto core = std::ranges::find(detail::kOpenBlasCores, taken, &detail::OpenBlasCore::name);
  if (core == detail::kOpenBlasCores.end() || core->needs == level) return "";
  // Below AVX they differ little, and those of old AMD processors are not in one line with Intel's.
  const bool is_lesser = core->needs < level && level >= X86Level::avx;
  const bool cannot_run = core->needs > level;
  if (!cannot_run && (!is_lesser || by_user)) return "";
  return std::ranges::find(detail::kOpenBlasCores, level, &detail::OpenBlasCore::needs)->name;
}

}  // namespace nn
