#include "cli/lost_file.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "nn/core/text.hpp"

namespace nn::cli {

namespace {

struct MappedFile {
  std::span<const std::uint8_t> bytes;
  std::string line;  // that tells of its loss
};
std::vector<MappedFile> mapped_files;

// A signal handler: it may call little more than what it does.
void end(int signal, siginfo_t* info, void*) {
  static std::atomic_flag is_told;
  const auto* const address = static_cast<const std::uint8_t*>(info->si_addr);
  for (const auto& [bytes, line] : mapped_files) {
    if (address < bytes.data() || address >= bytes.data() + bytes.size()) continue;
    while (is_told.test_and_set()) ::pause();  // until the thread that was first ends the program
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
    ::_exit(kFailed);
  }
  ::signal(signal, SIG_DFL);  // of something else: it comes again, and ends the program as it usually does
}

}  // namespace

void end_if_lost(const Images& images) {
  if (!images.bytes.is_mapped()) return;
  const std::string message =
      images.source + ": can no longer be read, expected no change of the file during the run";
  const char* const clear = ::isatty(STDERR_FILENO) == 1 ? "\r\033[K" : "";  // the line of Progress
  std::string line = std::string(clear) + program_invocation_short_name + ": error: ";
  line += one_line(message);
  line += '\n';
  mapped_files.push_back({images.bytes, std::move(line)});
  struct sigaction action {};
  action.sa_sigaction = end;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace nn::cli
