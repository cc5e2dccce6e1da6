// The files of a run: none that it writes may be another one of them.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/files/atomic_file.hpp"

namespace nn::cli {

struct RunFile {
  std::string option, path;  // "" for none
};

// The one absolute path of a file, which need not exist: no links in it, no "..". Two names of one file, hard
// links, are two files here, as replacing the one leaves the other.
inline std::filesystem::path real_path(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  const std::filesystem::path real = std::filesystem::weakly_canonical(follow_links(absolute), error);
  return error ? absolute.lexically_normal() : real;
}

inline Error not_apart(const RunFile& file, const std::string& other_option) {
  return Error(file.option, file.path + " is also used by " + other_option + ", expected a path of its own");
}

// Throws Error if a file that is written is one that is read, or another one that is written. A device or a
// pipe may serve twice.
inline void check_apart(const std::vector<RunFile>& read, const std::vector<RunFile>& written) {
  std::map<std::filesystem::path, std::string> options;  // by real path
  for (const RunFile& file : read) options.try_emplace(real_path(file.path), file.option);
  for (const RunFile& file : written) {
    std::error_code unknown;
    const std::filesystem::file_status status = std::filesystem::status(file.path, unknown);
    const bool is_special = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
    if (file.path.empty() || is_special) continue;
    const auto [other, is_first] = options.try_emplace(real_path(file.path), file.option);
    if (!is_first) throw not_apart(file, other->second);
  }
}

}  // namespace nn::cli
