// Of nn/files/atomic_file.hpp the names, where there are no files to write.
#pragma once

#include <string>
#include <string_view>

#include "nn/core/error.hpp"
#include "nn/files/read_file.hpp"

namespace nn {

class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path) {
    throw Error(path, "found a page in a browser, expected a file system to write to");
  }
  void write(std::string_view) {}
  void commit() {}
};

inline void write_atomically(const std::string& path, std::string_view) {
  AtomicFile{path};
}

}  // namespace nn
