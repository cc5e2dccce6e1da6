// The JSON of --config, for the options of a program.
#include "cli/settings.hpp"

#include <nlohmann/json.hpp>

#include "cli/run.hpp"
#include "fuzz.hpp"

using namespace nn;

namespace {

struct Program {
  cli::RunOptions options{};
  cli::Options app{"mnist_cnn", ""};
  std::size_t filters = 8;

  Program() {
    app.number("--filters", filters, "", 1, 64);
    cli::add_run_options(app, options, {"--filters"});
  }
};

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file({data, size});
  cli::Settings settings;
  if (!fuzz::succeeds([&] { settings = cli::read_settings(file.path()); })) return 0;
  Program program;
  if (!fuzz::succeeds([&] { cli::apply_settings(program.app, settings, file.path()); })) return 0;

  // What --save-config would write makes the same settings again.
  const cli::Settings in_force = cli::settings_of(program.app);
  Program again;
  REQUIRE_THAT(fuzz::succeeds([&] { cli::apply_settings(again.app, in_force, "settings"); }));
  REQUIRE_THAT(cli::settings_of(again.app) == in_force);
  return 0;
}
