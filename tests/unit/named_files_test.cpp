// The files that options name.
#include <filesystem>

#include "catch.hpp"
#include "cli/options.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using cli::check_apart;
namespace fs = std::filesystem;

TEST_CASE("a file that is written is no other one of the run's") {
  const test::TemporaryFolder folder;
  const std::string there = folder / "there", missing = folder / "new/missing";
  test::write_file(there, "precious");
  fs::create_symlink("there", folder / "link");

  CHECK_NOTHROW(check_apart({{"--config", there}}, {{"--output", missing}, {"--log", folder / "log"}}));
  CHECK_NOTHROW(check_apart({{"--config", there}, {"--data", there}}, {}));
  CHECK_NOTHROW(check_apart({{"--config", ""}}, {{"--output", ""}, {"--log", ""}}));

  CHECK(test::error_of([&] {
          check_apart({{"--config", there}}, {{"--output", there}});
        }) == "--output: " + there + " is also used by --config, expected a path of its own");
  CHECK(test::error_of([&] {
          check_apart({}, {{"--output", missing}, {"--log", missing}});
        }) == "--log: " + missing + " is also used by --output, expected a path of its own");
}

TEST_CASE("files are compared, not what they are called") {
  const test::TemporaryFolder folder;
  const std::string there = folder / "there";
  test::write_file(there, "precious");
  fs::create_symlink("there", folder / "link");
  fs::create_directory_symlink(".", folder / "here");
  const auto same = [](const std::string& a, const std::string& b) {
    try {
      check_apart({{"--config", a}}, {{"--output", b}});
      return false;
    } catch (const Error&) {
      return true;
    }
  };
  CHECK(same(there, folder / "./there"));
  CHECK(same(there, folder / "link"));
  CHECK(same(folder / "link", there));
  CHECK(same(there, folder / "here/there"));
  CHECK(same(there, fs::relative(there).string()));
  CHECK(same(folder / "missing", folder / "new/../missing"));
  CHECK(same(folder / "missing", folder / "here/missing"));
  CHECK(same("missing", "./missing"));
  CHECK(!same(there, folder / "their"));
  CHECK(!same("/dev/null", "/dev/null"));  // is not replaced

  fs::create_hard_link(there, folder / "hard");
  CHECK(!same(there, folder / "hard"));  // stays when the other one is replaced

  fs::create_symlink("missing", folder / "to missing");
  CHECK(same(folder / "missing", folder / "to missing"));  // is written through

  fs::create_symlink("loop", folder / "loop");
  CHECK(same(folder / "loop", folder / "loop"));
  CHECK(!same(folder / "loop", there));
}
