// What the command line of a run (run_options.cpp) settles for the run itself (run.cpp).
#pragma once

#include <cstdio>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "cli/run.hpp"
#include "cli/settings.hpp"
#include "nn/files/safetensors.hpp"

namespace nn::cli {

struct RunOptions::Settled {
  std::string program;
  Settings settings;                   // in force, a "random" seed made a number
  std::string chosen;                  // those that are not as by default, as one would type them
  bool is_default_output;              // not given, and no other one in --config or the resumed run
  std::optional<Safetensors> resumed;  // the checkpoint to go on from
  std::string json_log;                // of the run's earlier part

  std::string resumed_path() const { return resumed ? resumed->path() : ""; }
};

// Whether this process speaks and writes for all: rank 0.
bool is_first();

// As std::printf, unless --quiet.
template <class... Args>
void say(const RunOptions& o, const char* format, Args... args) {
  if (o.quiet) return;
  std::printf(format, args...);
  std::fflush(stdout);  // in its place among what progress writes to standard error
}

// The same name with that ending.
std::string with_safetensors(const std::string& path);

// Throws Error if a file that is written is another one of the run's, or if the model cannot be written.
void check_files(const RunOptions& options, const std::string& output);

}  // namespace nn::cli
