#include "nn/files/atomic_file.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;
namespace fs = std::filesystem;

namespace {
std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}
}  // namespace

TEST_CASE("a file appears whole at commit, and missing folders with it") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "a/b/file";
  {
    AtomicFile file(path);
    file.write("new");
    CHECK(!fs::exists(path));
    file.commit();
  }
  CHECK(test::file_bytes(path) == "new");
  CHECK(files_in(folder / "a/b") == 1);
}

TEST_CASE("without commit the old file stays and nothing is left behind") {
  const test::TemporaryFolder folder;
  test::write_file(folder / "file", "old");
  { AtomicFile(folder / "file").write("new"); }
  check_writable(folder / "file");
  CHECK(test::file_bytes(folder / "file") == "old");
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("permissions and links survive a replacement") {
  const test::TemporaryFolder folder;
  test::write_file(folder / "file", "old");
  REQUIRE(::chmod((folder / "file").c_str(), 0640) == 0);
  fs::create_symlink("file", folder / "link");
  write_atomically(folder / "link", "new");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(test::file_bytes(folder / "file") == "new");
  CHECK((fs::status(folder / "file").permissions() & fs::perms::mask) == fs::perms(0640));
}

TEST_CASE("what cannot be written is refused") {
  const test::TemporaryFolder folder;
  test::write_file(folder / "file", "old");
  CHECK_THAT(test::error_of([&] { check_writable(folder / "file/inside"); }), contains("cannot be written"));
  CHECK_THAT(test::error_of([&] { check_writable(folder.path()); }), contains("is a folder"));
  CHECK_THAT(test::error_of([&] { check_writable(""); }), contains("is empty"));
}

#ifdef __linux__
TEST_CASE("a full disk is told, a device is written in place") {
  CHECK_THAT(test::error_of([] { write_atomically("/dev/full", "bytes"); }),
             contains("/dev/full: writing failed: No space left on device"));
  write_atomically("/dev/null", "bytes");
  CHECK(fs::is_character_file("/dev/null"));
}
#endif
