#include "cli/processes.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "cli/options.hpp"
#include "nn/core/error.hpp"
#include "nn/core/text.hpp"

namespace nn::cli {

namespace {

constexpr const char* kModule = "libnn_mpi.so";
constexpr std::size_t kTextSize = 8192;  // bytes that a process says when they meet

bool have_met = false;

// Beside the program, as built, or where `cmake --install` puts it.
void* module() {
  static void* const loaded = [] {
    std::error_code unknown;
    const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path();
    for (const auto& path : {here / kModule, here / ".." / "lib" / kModule, std::filesystem::path(kModule)}) {
      if (void* const found = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL)) return found;
    }
    return static_cast<void*>(nullptr);
  }();
  return loaded;
}

template <class Function>
Function* function(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(module(), name));
}

// What each process says, by rank.
std::vector<std::string> said_by_all(const std::string& text) {
  Processes& all = processes();
  std::string mine = text.substr(0, kTextSize - 1);
  mine.resize(kTextSize);
  std::string texts(all.count() * kTextSize, '\0');
  const std::vector<std::size_t> sizes(all.count(), kTextSize);
  all.gather(std::as_bytes(std::span(mine)), sizes, std::as_writable_bytes(std::span(texts)));
  std::vector<std::string> said;
  for (std::size_t rank = 0; rank < all.count(); ++rank) said.emplace_back(&texts[rank * kTextSize]);
  return said;
}

std::string rank_text(std::size_t rank) {
  return "rank " + std::to_string(rank) + " of " + std::to_string(processes().count());
}

constexpr const char *kReady = "ready\n", *kError = "error\n";

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    all.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return all;
}

}  // namespace

bool started_by_mpirun() {
  return std::getenv("OMPI_COMM_WORLD_SIZE") || std::getenv("PMI_SIZE") || std::getenv("PMIX_RANK");
}

std::size_t processes_here() {
  const char* const count = std::getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  return count ? std::max(1ul, std::strtoul(count, nullptr, 10)) : 1;
}

Processes& processes() {
  if (!started_by_mpirun()) return this_process();
  static Processes& all = []() -> Processes& {
    if (!module()) {
      throw Error("mpirun", std::string("found no ") + kModule +
                                ", expected it beside the program; with "
                                "libopenmpi-dev installed, cmake builds it");
    }
    return *function<Processes*()>("nn_mpi_processes")();
  }();
  return all;
}

std::string mpi_version() {
  return module() ? function<const char*()>("nn_mpi_version")() : std::string("none, there is no ") + kModule;
}

void meet(const std::string& facts) {
  const std::vector<std::string> said = said_by_all(kReady + facts);
  for (const std::string& text : said) {
    if (text.starts_with(kError)) throw OtherFailed();
  }
  const std::vector<std::string> expected = lines(said.front());
  for (std::size_t rank = 1; rank < said.size(); ++rank) {
    const std::vector<std::string> found = lines(said[rank]);
    for (std::size_t i = 0; i < std::min(found.size(), expected.size()); ++i) {
      if (found[i] != expected[i]) {
        throw Error(rank_text(rank), "found " + found[i] + ", expected " + expected[i] + ", as rank 0 has");
      }
    }
  }
  have_met = true;
}

int complain_once(const std::string& program, const std::string& message, int status) {
  if (!started_by_mpirun() || !module()) return complain(program, message, status);
  Processes& all = processes();
  if (have_met) {  // the others wait for this one
    complain(program, all.rank() == 0 ? message : rank_text(all.rank()) + ": " + message, status);
    all.abort(status);
    return status;
  }
  const std::vector<std::string> said = said_by_all(kError + message);
  const auto first = std::ranges::find_if(said, [](auto& text) { return text.starts_with(kError); });
  if (static_cast<std::size_t>(first - said.begin()) != all.rank()) return status;
  return complain(program, all.rank() == 0 ? message : rank_text(all.rank()) + ": " + message, status);
}

}  // namespace nn::cli
