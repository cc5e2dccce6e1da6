// Files appear whole or not at all: written beside their place, flushed, renamed into it.
//
// The temporary of NAME is .NAME.<16 random hex digits>.tmp, locked (flock) for as long as its writer lives.
// Whoever writes NAME next removes those that nobody has locked: their writers were killed.
// tools/common/writing.py uses the same names and locks.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

#include "nn/core/error.hpp"
#include "nn/files/read_file.hpp"

namespace nn {

// `path`, or what it links to, which need not exist. A loop of links stays a link.
inline std::filesystem::path follow_links(std::filesystem::path path) {
  constexpr int most = 40;  // as in Linux
  std::error_code error;
  for (int links = 0; links < most && std::filesystem::is_symlink(path, error); ++links) {
    const std::filesystem::path next = std::filesystem::read_symlink(path, error);
    if (error) break;
    path = path.parent_path() / next;
  }
  return path;
}

namespace detail {

inline constexpr std::size_t kRandomDigits = 16;
inline constexpr std::string_view kTemporaryEnd = ".tmp";

// The part of a file's name that is in its temporaries': all of it, unless they would exceed the 255 bytes
// that a name may have. The cut is between two characters of UTF-8.
inline std::string_view name_in_temporary(std::string_view name) {
  std::size_t size = 255 - 2 - kRandomDigits - kTemporaryEnd.size();
  if (name.size() <= size) return name;
  while (size > 0 && (static_cast<unsigned char>(name[size]) & 0xc0) == 0x80) --size;
  return name.substr(0, size);
}

// A new name for a temporary of `target`, beside it.
inline std::string temporary_name(const std::filesystem::path& target) {
  std::random_device random;
  const unsigned high = random(), low = random();
  char digits[kRandomDigits + 1];
  std::snprintf(digits, sizeof digits, "%08x%08x", high, low);
  const std::string file = target.filename().string();
  std::string name = ".";
  name.append(name_in_temporary(file)).append(".").append(digits).append(kTemporaryEnd);
  return (target.parent_path() / name).string();
}

// What name_in_temporary() gave for the file whose temporary has this name; "" if it is not a temporary's.
inline std::string_view named_in(std::string_view temporary) {
  constexpr std::size_t end = 1 + kRandomDigits + kTemporaryEnd.size();
  if (temporary.size() < 1 + end || !temporary.starts_with('.') || !temporary.ends_with(kTemporaryEnd)) {
    return {};
  }
  const std::string_view random = temporary.substr(temporary.size() - end, 1 + kRandomDigits);
  const bool is_ours = random.starts_with('.') && std::ranges::all_of(random.substr(1), [](char c) {
                         return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                       });
  return is_ours ? temporary.substr(1, temporary.size() - 1 - end) : std::string_view();
}

}  // namespace detail

// Removes the temporaries in `folder` that killed writers left, of the files for which is_ours(name) is true.
// What cannot be looked at or locked stays.
template <class IsOurs>
void remove_leftovers(const std::filesystem::path& folder, IsOurs is_ours) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder.empty() ? "." : folder, error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string_view path = entry->path().native();
    const std::string_view file = detail::named_in(path.substr(path.rfind('/') + 1));
    std::error_code unknown;
    if (file.empty() || !is_ours(file) || entry->is_symlink(unknown) || !entry->is_regular_file(unknown)) {
      continue;
    }
    // For writing, as NFS grants exclusive locks on nothing else.
    const int descriptor = ::open(entry->path().c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) continue;
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
    ::close(descriptor);
  }
}

namespace detail {

inline void remove_leftovers_of(const std::filesystem::path& target) {
  const std::string name = target.filename().string();
  remove_leftovers(target.parent_path(),
                   [file = name_in_temporary(name)](std::string_view other) { return other == file; });
}

// After a power loss, too, the file has the name that it was renamed to. Throws Error, naming `path`, if the
// disk fails; a file system that cannot do this is none the worse for having been asked.
inline void sync_folder_of(const std::filesystem::path& target, const std::string& path) {
  const std::filesystem::path folder = target.parent_path();
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  errno = error;
  if (error == EIO) throw system_error(path, "writing failed");
}

// A descriptor. Throws Error if nobody reads the pipe, instead of waiting for one who may never come.
inline int open_pipe(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0 && errno == ENXIO) {
    throw Error(path, "is a pipe that nobody reads, expected one with a reader");
  }
  if (descriptor < 0) throw system_error(path, "cannot be written");
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
  return descriptor;
}

}  // namespace detail

// A reader sees the old file or the new one, even if this process is killed or the disk is full. What is
// not a regular file (/dev/null, a pipe) cannot be replaced and is written to directly.
class AtomicFile {
 public:
  // Throws Error if nothing can be written there: a file that is read-only counts as such, even for root, who
  // could replace it. Missing parent folders are made; a link is followed, even to a file that is not there.
  explicit AtomicFile(const std::string& path) : path_(path) {
    if (path.empty()) throw Error("output path", "is empty, expected the name of a file");
    struct stat status {};
    const bool exists = ::stat(path.c_str(), &status) == 0;
    if (!exists && errno != ENOENT) throw system_error(path, "cannot be written");
    if (exists && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
      descriptor_ =
          S_ISFIFO(status.st_mode) ? detail::open_pipe(path) : ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (descriptor_ < 0) throw system_error(path, "cannot be written");
      return;
    }
    target_ = follow_links(path);
    if ((exists && S_ISDIR(status.st_mode)) || !target_.has_filename()) {
      throw Error(path, "is a folder, expected the name of a file");
    }
    if (exists && (status.st_mode & 0222) == 0) throw Error(path, "is read-only, expected a writable file");
    if (exists && ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) != 0) {
      throw system_error(path, "cannot be written");
    }
    if (const std::filesystem::path folder = target_.parent_path(); !folder.empty()) {
      std::error_code ignored;
      std::filesystem::create_directories(folder, ignored);  // if that fails, so does open(), with the reason
    }
    detail::remove_leftovers_of(target_);
    create_temporary();
    if (exists) ::fchmod(descriptor_, status.st_mode & 07777);
  }
  // Without commit() nothing has happened.
  ~AtomicFile() {
    if (descriptor_ < 0) return;
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    ::close(descriptor_);
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
    if (!temporary_.empty()) {
      if (::fsync(descriptor_) != 0 || ::rename(temporary_.c_str(), target_.c_str()) != 0) {
        throw system_error(path_, "writing failed");
      }
      temporary_.clear();
      detail::sync_folder_of(target_, path_);
    }
    const int descriptor = descriptor_;  // closed last: until it is renamed, the lock is needed
    descriptor_ = -1;
    if (::close(descriptor) != 0) throw system_error(path_, "writing failed");
  }

 private:
  void create_temporary() {
    for (int attempt = 0; attempt < 100; ++attempt) {
      temporary_ = detail::temporary_name(target_);
      descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
      if (descriptor_ < 0) throw system_error(path_, "cannot be written");
      // Before it is locked, another writer may take it for a leftover: then it is, or will be, gone. Where
      // the file system has no locks, nobody removes anything.
      const bool taken = ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
      struct stat status {};
      if (!taken && ::lstat(temporary_.c_str(), &status) == 0) return;
      ::unlink(temporary_.c_str());
      ::close(descriptor_);
    }
    descriptor_ = -1;
    throw Error(path_, "cannot be written: other programs remove its temporary files");
  }

  std::string path_;              // as the user named it
  std::filesystem::path target_;  // the file itself, links followed
  std::string temporary_;         // beside it; "" if there is none
  int descriptor_ = -1;
};

inline void write_atomically(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

// Makes `to` a second name of the file `from` where the file system has such, else a copy of it.
inline void link_atomically(const std::string& from, const std::string& to) {
  detail::remove_leftovers_of(to);
  const std::string temporary = detail::temporary_name(to);
  const int lock = ::open(from.c_str(), O_RDWR | O_CLOEXEC);
  if (lock >= 0) ::flock(lock, LOCK_EX | LOCK_NB);  // or another writer takes the new name for a leftover
  const bool linked = ::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, temporary.c_str(), AT_SYMLINK_FOLLOW) == 0;
  const int error = !linked || ::rename(temporary.c_str(), to.c_str()) == 0 ? 0 : errno;
  if (linked) ::unlink(temporary.c_str());  // still there if `to` is that file already: nothing was renamed
  if (lock >= 0) ::close(lock);
  errno = error;
  if (error != 0) throw system_error(to, "cannot be written");
  if (linked) return detail::sync_folder_of(to, to);

  const InputFile file(from);
  AtomicFile copy(to);
  std::string part;
  for (std::size_t done = 0; done < file.size(); done += part.size()) {
    part.resize(std::min<std::size_t>(file.size() - done, 1 << 20));
    file.read_at(done, part.data(), part.size());
    copy.write(part);
  }
  copy.commit();
}

// Throws now what would otherwise be thrown after an hour of training. A pipe stays open until the program
// ends: its reader would take the end of this for the end of the file.
inline void check_writable(const std::string& path) {
  std::error_code unknown;
  if (std::filesystem::is_fifo(path, unknown)) {
    detail::open_pipe(path);
  } else {
    AtomicFile{path};
  }
}

}  // namespace nn
