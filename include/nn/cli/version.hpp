// What --version prints: all that a bug report needs to know of the program and the machine.
#pragma once

#include <string>

#include "nn/core/error.hpp"
#include "nn/core/instruction_set.hpp"
#include "nn/core/matmul.hpp"

namespace nn::cli {

inline constexpr const char* kVersion = "1.0.0";

inline std::string version_text(const std::string& program) {
#if defined(__clang__)
  const std::string compiler = "Clang " __clang_version__;
#else
  const std::string compiler = "GCC " __VERSION__;
#endif
  std::string sets, blas;
  for (const std::string& name : instruction_sets()) sets += (sets.empty() ? "" : ", ") + name;
  try {
    const BlasInfo info = blas_info();
    blas = info.version + ", kernels for " + info.core;
  } catch (const Error& error) {
    blas = error.what();
  }
  return program + " " + kVersion + "\ncompiler: " + compiler + "\ninstruction set: " + instruction_set() +
         " (of " + sets + ")\nOpenBLAS: " + blas;
}

}  // namespace nn::cli
