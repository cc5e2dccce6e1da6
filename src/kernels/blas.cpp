// OpenBLAS, the only user of <cblas.h>. It is loaded when it is needed, not linked:
//
// - At load it starts threads of its own, which spin for some 60 ms, unless OPENBLAS_NUM_THREADS says that
//   there is one; linked, it would read that before main. On these sizes its threads cost more than they
//   bring, and a result would depend on their number: the parallelism is ours (nn/core/parallel.hpp).
// - It reads OPENBLAS_CORETYPE at load: where it took the wrong kernels, it is loaded again, with the right
// ones.
// - It takes 30 MB and most of the time that it takes to recognise one digit, which needs no large product.
#include <cblas.h>
#include <dlfcn.h>

#include <cassert>
#include <cstdlib>
#include <limits>
#include <new>
#include <sstream>
#include <string>

#include "nn/core/error.hpp"
#include "nn/core/matmul.hpp"
#include "nn/core/openblas_core.hpp"

namespace nn {

namespace {

// The library's name where a program runs, else its place where it was built. Throws Error if it is in
// neither, std::bad_alloc if it does not fit into the memory that there is (ulimit -v), which glibc has these
// words for.
void* open_library() {
  std::string found;
  for (const char* name : {"libopenblas.so.0", NN_OPENBLAS_FILE}) {
    if (void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
    found = ::dlerror();
    for (const char* words :
         {"failed to map segment", "cannot map zero-fill pages", "Cannot allocate memory"}) {
      if (found.find(words) != found.npos) throw std::bad_alloc();
    }
  }
  throw Error("libopenblas.so.0",
              found + ", expected OpenBLAS (Debian and Ubuntu: apt install libopenblas0)");
}

template <class Function>
Function* find(void* library, const char* name) {
  if (void* symbol = ::dlsym(library, name)) return reinterpret_cast<Function*>(symbol);
  throw Error("libopenblas.so.0", std::string("has no ") + name + ", expected OpenBLAS");
}

std::string core_of(void* library) {
  return find<decltype(openblas_get_corename)>(library, "openblas_get_corename")();
}

// Other processors than x86's are OpenBLAS's to choose for.
std::string_view core_to_take_instead(std::string_view taken, bool by_user) {
#if defined(__x86_64__)
  const X86Level level = level_of({
      .sse4_2 = __builtin_cpu_supports("sse4.2") != 0,
      .avx = __builtin_cpu_supports("avx") != 0,
      .avx2 = __builtin_cpu_supports("avx2") != 0,
      .fma = __builtin_cpu_supports("fma") != 0,
      .avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                __builtin_cpu_supports("avx512vl"),
  });
  return better_core(taken, level, by_user);
#else
  static_cast<void>(taken), static_cast<void>(by_user);
  return "";
#endif
}

void* load_library() {
  ::setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void* library = open_library();
  const char* const wish = std::getenv("OPENBLAS_CORETYPE");
  const std::string taken = core_of(library);
  const std::string better(core_to_take_instead(taken, wish != nullptr));
  if (better.empty()) return library;
  ::dlclose(library);
  ::setenv("OPENBLAS_CORETYPE", better.c_str(), 1);
  library = open_library();
  // An OpenBLAS that was built for one processor takes no other core, and is better than none while it runs.
  if (const std::string now = core_of(library); !core_to_take_instead(now, true).empty()) {
    throw Error("libopenblas.so.0", "was built for " + now +
                                        ", whose instructions this processor lacks, expected " + better +
                                        " or one that chooses (DYNAMIC_ARCH)");
  }
  return library;
}

void* library() {
  static void* const loaded = load_library();
  return loaded;
}

using Sgemm = decltype(cblas_sgemm);
Sgemm* loaded_sgemm() {
  static Sgemm* const sgemm = find<Sgemm>(library(), "cblas_sgemm");
  return sgemm;
}
}  // namespace

void load_blas() {
  loaded_sgemm();
}

BlasInfo blas_info() {
  // Begins with "OpenBLAS 0.3.21 "; older than 0.3.4, it has no version.
  std::istringstream config(find<decltype(openblas_get_config)>(library(), "openblas_get_config")());
  std::string name, version;
  config >> name >> version;
  return {name == "OpenBLAS" ? version : "of unknown version", core_of(library())};
}

void detail::sgemm(float alpha, ConstMatrix a, ConstMatrix b, float beta, Matrix c) {
  const auto to_int = [](std::size_t n) {
    assert(n <= static_cast<std::size_t>(std::numeric_limits<blasint>::max()));
    return static_cast<blasint>(n);
  };
  const auto op = [](ConstMatrix m) { return m.is_transposed ? CblasTrans : CblasNoTrans; };
  loaded_sgemm()(CblasRowMajor, op(a), op(b), to_int(c.rows), to_int(c.cols), to_int(a.cols), alpha, a.data,
                 to_int(a.stride), b.data, to_int(b.stride), beta, c.data, to_int(c.stride));
}

}  // namespace nn
