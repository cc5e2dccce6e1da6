// OpenBLAS, the only user of <cblas.h>. It is loaded when it is needed, not linked:
//
// - At load it starts threads of its own, which spin for some 60 ms, unless OPENBLAS_NUM_THREADS says that
//   there is one; linked, it would read that before main. On these sizes its threads cost more than they
//   bring, and a result would depend on their number: the parallelism is ours (nn/core/parallel.hpp).
// - It takes 30 MB and most of the time that it takes to recognise one digit, which needs no large product.
#include <cblas.h>
#include <dlfcn.h>

#include <cassert>
#include <cstdlib>
#include <limits>
#include <string>

#include "nn/core/error.hpp"
#include "nn/core/matmul.hpp"

namespace nn {

namespace {
using Sgemm = decltype(&cblas_sgemm);

// The library's name where a program runs, else its place where it was built.
void* open_library() {
  for (const char* name : {"libopenblas.so.0", NN_OPENBLAS_FILE}) {
    if (void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
  }
  throw Error("libopenblas.so.0",
              std::string(::dlerror()) + ", expected OpenBLAS (Debian and Ubuntu: apt install libopenblas0)");
}

void* find(void* library, const char* name) {
  if (void* symbol = ::dlsym(library, name)) return symbol;
  throw Error("libopenblas.so.0", std::string("has no ") + name + ", expected OpenBLAS");
}

Sgemm loaded_sgemm() {
  static const Sgemm sgemm = [] {
    ::setenv("OPENBLAS_NUM_THREADS", "1", 1);
    return reinterpret_cast<Sgemm>(find(open_library(), "cblas_sgemm"));
  }();
  return sgemm;
}
}  // namespace

void load_blas() {
  loaded_sgemm();
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
