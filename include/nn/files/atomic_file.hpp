// Files appear whole or not at all: written beside their place, flushed, renamed into it.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "nn/core/error.hpp"

namespace nn {

// A reader sees the old file or the new one, even if this process is killed or the disk is full. What is
// not a regular file (/dev/null, a pipe) cannot be replaced and is written to directly.
class AtomicFile {
 public:
  // Throws Error if nothing can be written there. Missing parent folders are made.
  explicit AtomicFile(const std::string& path) : path_(path), target_(path) {
    namespace fs = std::filesystem;
    if (path.empty()) throw Error("output path", "is empty, expected the name of a file");
    std::error_code ignored;
    if (fs::is_symlink(target_, ignored)) {  // replace what the link points to, not the link
      if (fs::path real = fs::weakly_canonical(target_, ignored); !real.empty()) target_ = real.string();
    }
    if (fs::is_directory(target_, ignored)) throw Error(path, "is a folder, expected the name of a file");
    const fs::file_status status = fs::status(target_, ignored);
    in_place_ = fs::exists(status) && !fs::is_regular_file(status);
    if (const fs::path folder = fs::path(target_).parent_path(); !folder.empty()) {
      fs::create_directories(folder, ignored);  // if that fails, so does open(), with the reason
    }
    temporary_ = in_place_ ? target_ : target_ + ".tmp" + std::to_string(::getpid());
    descriptor_ =
        ::open(temporary_.c_str(), O_WRONLY | O_CLOEXEC | (in_place_ ? 0 : O_CREAT | O_TRUNC), 0666);
    if (descriptor_ < 0) throw system_error(path_, "cannot be written");
    if (!in_place_ && fs::exists(status)) ::fchmod(descriptor_, static_cast<mode_t>(status.permissions()));
  }
  // Without commit() nothing has happened.
  ~AtomicFile() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    if (!in_place_) ::unlink(temporary_.c_str());
  }
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw system_error(path_, "writing failed");
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  // Puts the file in its place. Throws Error (a full disk may show only now); the old file then stays.
  void commit() {
    if (!in_place_ && ::fsync(descriptor_) != 0) throw system_error(path_, "writing failed");
    const int descriptor = descriptor_;
    descriptor_ = -1;
    if (::close(descriptor) != 0 || (!in_place_ && ::rename(temporary_.c_str(), target_.c_str()) != 0)) {
      const Error error = system_error(path_, "writing failed");
      if (!in_place_) ::unlink(temporary_.c_str());
      throw error;
    }
  }

 private:
  std::string path_;       // as the user named it
  std::string target_;     // the file itself, links followed
  std::string temporary_;  // beside it
  bool in_place_ = false;
  int descriptor_ = -1;
};

inline void write_atomically(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

// Throws now what would otherwise be thrown after an hour of training.
inline void check_writable(const std::string& path) {
  AtomicFile{path};
}

}  // namespace nn
