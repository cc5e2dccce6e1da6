// What a program tells about its run on standard output, beside its result.
#pragma once

#include <cstdio>

namespace nn::cli {

struct Say {
  bool quiet = false;  // then nothing

  // As std::printf.
  template <class... Args>
  void operator()(const char* format, Args... args) const {
    if (quiet) return;
    std::printf(format, args...);
    std::fflush(stdout);  // in its place among what progress writes to standard error
  }
};

}  // namespace nn::cli
