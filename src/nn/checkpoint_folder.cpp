#include "nn/training/checkpoint_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/files/atomic_file.hpp"

namespace nn {

namespace {

namespace fs = std::filesystem;

std::string in_folder(const std::string& folder, const std::string& name) {
  return (fs::path(folder) / (name + ".safetensors")).string();
}

bool is_epoch(std::string_view name) {
  constexpr std::string_view prefix = "epoch-", suffix = ".safetensors";
  return name.size() == prefix.size() + 6 + suffix.size() && name.starts_with(prefix) &&
         name.ends_with(suffix) &&
         std::ranges::all_of(name.substr(prefix.size(), 6), [](char c) { return c >= '0' && c <= '9'; });
}

// A lock that the system ends with the process, too. Throws Error if another run has it. Where the file
// system has no locks, nobody is kept out.
std::shared_ptr<void> lock(const std::string& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) throw system_error(folder, "cannot be read");
  std::shared_ptr<void> closing(nullptr, [descriptor](void*) { ::close(descriptor); });
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw Error(folder, "another run uses it, expected a folder of its own for each run");
  }
  return closing;
}

}  // namespace

CheckpointFolder::CheckpointFolder(std::string path, std::size_t keep, bool resumes)
    : path_(std::move(path)), keep_(keep) {
  check_writable(latest());  // makes the folder
  lock_ = lock(path_);
  remove_leftovers(path_, is_checkpoint);  // of epochs, too, that this run does not write again
  std::error_code unknown;
  if (!resumes && fs::exists(latest(), unknown)) {
    throw Error(path_, "holds checkpoints of an earlier run, expected none, or --resume " + path_ +
                           " to go on with it");
  }
}

std::string CheckpointFolder::latest() const {
  return in_folder(path_, "latest");
}

void CheckpointFolder::save_epoch(std::size_t epoch, bool is_best,
                                  const std::function<void(const std::string& path)>& write) const {
  write(latest());
  char name[32];
  std::snprintf(name, sizeof name, "epoch-%06zu", epoch);
  link_atomically(latest(), in_folder(path_, name));
  if (is_best) link_atomically(latest(), in_folder(path_, "best"));
  std::vector<fs::path> epochs;
  std::error_code error;
  for (fs::directory_iterator entry(path_, error), end; !error && entry != end; entry.increment(error)) {
    if (is_epoch(entry->path().filename().string())) epochs.push_back(entry->path());
  }
  std::ranges::sort(epochs, std::ranges::greater());
  for (std::size_t i = keep_; i < epochs.size() && !error; ++i) fs::remove(epochs[i], error);
  if (error) throw Error(path_, "older checkpoints cannot be removed: " + error.message());
}

bool CheckpointFolder::is_checkpoint(std::string_view name) {
  return name == "latest.safetensors" || name == "best.safetensors" || is_epoch(name);
}

std::string checkpoint_file(const std::string& path) {
  std::error_code unknown;  // if it cannot be looked at, its reader says why
  return fs::is_directory(path, unknown) ? in_folder(path, "latest") : path;
}

}  // namespace nn
