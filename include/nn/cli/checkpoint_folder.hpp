// A folder of checkpoints: latest.safetensors, best.safetensors, and the last few epochs'.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "nn/cli/run_files.hpp"
#include "nn/core/error.hpp"
#include "nn/files/atomic_file.hpp"

namespace nn::cli {

// The checkpoint that --resume PATH means: PATH itself, or the latest one of the folder PATH.
inline std::string checkpoint_file(const std::string& path) {
  std::error_code unknown;  // if it cannot be looked at, its reader says why
  const bool is_folder = std::filesystem::is_directory(path, unknown);
  return is_folder ? (std::filesystem::path(path) / "latest.safetensors").string() : path;
}

// Keeps other runs out of a folder as long as it lives; the system ends it with the process, too.
class FolderLock {
 public:
  // Throws Error if another run has it. Where the file system has no locks, nobody is kept out.
  explicit FolderLock(const std::string& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (descriptor_ < 0) throw system_error(path, "cannot be read");
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    ::close(descriptor_);
    throw Error(path, "another run uses it, expected a folder of its own for each run");
  }
  ~FolderLock() { ::close(descriptor_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

class CheckpointFolder {
 public:
  // Keeps the newest `keep` >= 1 epochs. `resumes`: it may hold an earlier part of this run. Throws Error if
  // it holds another run's checkpoints, if another run is using it or if nothing can be written there.
  CheckpointFolder(std::string path, std::size_t keep, bool resumes) : path_(std::move(path)), keep_(keep) {
    check_writable(latest());  // makes the folder
    lock_.emplace(path_);
    remove_leftovers(path_, is_checkpoint);  // of epochs, too, that this run does not write again
    std::error_code unknown;
    if (!resumes && std::filesystem::exists(latest(), unknown)) {
      throw Error(path_, "holds checkpoints of an earlier run, expected none, or --resume " + path_ +
                             " to go on with it");
    }
  }

  // Whether a run with checkpoints in `folder` writes to this path.
  static bool writes_to(const std::string& path, const std::string& folder) {
    const std::filesystem::path real = real_path(path);
    const std::string name = real.filename().string();
    return real.parent_path() == real_path(folder) && is_checkpoint(name);
  }

  std::string latest() const { return in_folder("latest"); }

  // After an epoch: write(latest()) makes the checkpoint, which becomes the epoch's and perhaps the best one,
  // too. Older epochs go.
  template <class Write>
  void save_epoch(std::size_t epoch, bool is_best, Write write) const {
    write(latest());
    char name[32];
    std::snprintf(name, sizeof name, "epoch-%06zu", epoch);
    link_atomically(latest(), in_folder(name));
    if (is_best) link_atomically(latest(), in_folder("best"));
    std::vector<std::filesystem::path> epochs;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(path_, error), end; !error && entry != end;
         entry.increment(error)) {
      if (is_epoch(entry->path().filename().string())) epochs.push_back(entry->path());
    }
    std::ranges::sort(epochs, std::ranges::greater());
    for (std::size_t i = keep_; i < epochs.size() && !error; ++i) std::filesystem::remove(epochs[i], error);
    if (error) throw Error(path_, "older checkpoints cannot be removed: " + error.message());
  }

 private:
  std::string in_folder(const std::string& name) const {
    return (std::filesystem::path(path_) / (name + ".safetensors")).string();
  }

  static bool is_checkpoint(std::string_view name) {
    return name == "latest.safetensors" || name == "best.safetensors" || is_epoch(name);
  }

  static bool is_epoch(std::string_view name) {
    constexpr std::string_view prefix = "epoch-", suffix = ".safetensors";
    return name.size() == prefix.size() + 6 + suffix.size() && name.starts_with(prefix) &&
           name.ends_with(suffix) &&
           std::ranges::all_of(name.substr(prefix.size(), 6), [](char c) { return c >= '0' && c <= '9'; });
  }

  std::string path_;
  std::size_t keep_;
  std::optional<FolderLock> lock_;
};

}  // namespace nn::cli
