// The one exception of the library: bad input, told so that its user can act on it.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace nn {

// what() reads "<where>: <found, and what was expected>", where being a path or an option. A name in it may
// have any bytes: nn::cli::complain() makes one line of it. A programmer's mistake (a wrong shape, an index
// out of range) is an assert, never an Error.
class Error : public std::runtime_error {
 public:
  Error(const std::string& where, const std::string& found_and_expected)
      : std::runtime_error(where + ": " + found_and_expected) {}
};

// The same for a failed system call: "<path>: <what failed>: <the system's reason>".
inline Error system_error(const std::string& path, const std::string& what_failed) {
  return Error(path, what_failed + ": " + std::strerror(errno));
}

}  // namespace nn
