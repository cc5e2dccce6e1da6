#include "nn/files/atomic_file.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;
namespace fs = std::filesystem;

namespace {
std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// The names in a folder, sorted.
std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

// A process that ends with status 0, or with 1 if the action throws.
template <class Action>
pid_t start(Action action) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child > 0) return child;
  try {
    action();
    ::_exit(0);
  } catch (...) {
    ::_exit(1);
  }
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

TEST_CASE("the next writer of a file removes what a killed one has left, once it is dead") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "file";
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = start([&] {  // writes half of the file, says so, and waits to be killed
    AtomicFile file(path);
    file.write("half");
    if (::write(ready[1], "!", 1) == 1) ::pause();
  });
  ::close(ready[1]);
  char byte;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  ::close(ready[0]);

  CHECK(files_in(folder.path()) == 1);
  write_atomically(path, "while it lives");
  CHECK(files_in(folder.path()) == 2);
  ::kill(child, SIGKILL);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  write_atomically(folder / "other", "of another name");
  CHECK(files_in(folder.path()) == 3);
  write_atomically(path, "new");
  CHECK(names_in(folder.path()) == std::vector<std::string>{"file", "other"});
  CHECK(test::file_bytes(path) == "new");
}

TEST_CASE("nothing but a leftover of the same file is removed") {
  const test::TemporaryFolder folder;
  const std::string random = ".0123456789abcdef";
  const std::vector<std::string> kept = {
      "file.tmp",
      "file.tmp123",
      ".file.tmp",
      ".file.123.tmp",
      ".file.backupbackupback.tmp",
      ".file.0123456789ABCDEF.tmp",
      ".file" + random + ".tmp~",
      ".file" + random + random + ".tmp",
      ".file2" + random + ".tmp",
      ".2file" + random + ".tmp",
      "file" + random + ".tmp",
      "." + random + ".tmp",
  };
  for (const std::string& name : kept) test::write_file(folder / name, "precious");
  test::write_file(folder / "victim", "precious");
  fs::create_symlink("victim", folder / ".file.1111111111111111.tmp");
  fs::create_directory(folder / ".file.2222222222222222.tmp");
  REQUIRE(::mkfifo((folder / ".file.3333333333333333.tmp").c_str(), 0600) == 0);
  const std::vector<std::string> before = names_in(folder.path());
  test::write_file(folder / (".file" + random + ".tmp"), "a leftover");

  write_atomically(folder / "file", "new");
  std::vector<std::string> after = names_in(folder.path());
  CHECK(std::erase(after, "file") == 1);
  CHECK(after == before);
  for (const std::string& name : kept) CHECK(test::file_bytes(folder / name) == "precious");
  CHECK(test::file_bytes(folder / "victim") == "precious");
}

TEST_CASE("the temporary is a new file, whatever an earlier writer's was called") {
  const test::TemporaryFolder folder;
  test::write_file(folder / "victim", "precious");
  const std::string by_process = "file.tmp" + std::to_string(::getpid());
  fs::create_symlink("victim", folder / by_process);
  write_atomically(folder / "file", "new");
  CHECK(test::file_bytes(folder / "victim") == "precious");
  CHECK(fs::is_symlink(folder / by_process));
  CHECK(test::file_bytes(folder / "file") == "new");
  CHECK(!fs::is_symlink(folder / "file"));
}

TEST_CASE("two writers of one file: each writes it whole, and the last one stays") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "file";
  AtomicFile first(path), second(path);
  first.write("first");
  second.write("the second");
  first.commit();
  CHECK(test::file_bytes(path) == "first");
  second.commit();
  CHECK(test::file_bytes(path) == "the second");
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("many writers of one file at once") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "file";
  std::vector<pid_t> writers;
  for (int i = 0; i < 4; ++i) {
    writers.push_back(start([&] {
      for (int round = 0; round < 200; ++round) write_atomically(path, std::string(1000, 'x'));
    }));
  }
  for (const pid_t writer : writers) {
    int status = -1;
    REQUIRE(::waitpid(writer, &status, 0) == writer);
    CHECK(status == 0);
  }
  CHECK(test::file_bytes(path) == std::string(1000, 'x'));
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("a name may be as long as the file system allows") {
  std::string letters;  // of two bytes: one would be cut in two
  while (letters.size() < 254) letters += "\u00e4";
  for (const std::string& name : {std::string(255, 'a'), letters, "b" + letters}) {
    const test::TemporaryFolder folder;
    std::string leftover;
    {
      const AtomicFile file(folder / name);
      leftover = names_in(folder.path()).front();
    }
    test::write_file(folder / leftover, "of a killed writer");
    write_atomically(folder / name, "new");
    CHECK(names_in(folder.path()) == std::vector<std::string>{name});
  }
  CHECK_THAT(test::error_of([&] { check_writable(test::TemporaryFolder() / std::string(256, 'a')); }),
             contains("cannot be written: File name too long"));
}

TEST_CASE("a link to a file that is not there is written through") {
  const test::TemporaryFolder folder;
  fs::create_symlink("second", folder / "first");
  fs::create_symlink(folder / "below/file", folder / "second");
  write_atomically(folder / "first", "new");
  CHECK(fs::is_symlink(folder / "first"));
  CHECK(fs::is_symlink(folder / "second"));
  CHECK(test::file_bytes(folder / "below/file") == "new");

  fs::create_symlink("loop", folder / "loop");
  CHECK_THAT(test::error_of([&] { check_writable(folder / "loop"); }),
             contains("cannot be written: Too many levels of symbolic links"));
}

TEST_CASE("a read-only file stays as it is, even for root") {
  const test::TemporaryFolder folder;
  test::write_file(folder / "file", "precious");
  fs::create_symlink("file", folder / "link");
  REQUIRE(::chmod((folder / "file").c_str(), 0444) == 0);
  for (const char* name : {"file", "link"}) {
    CHECK(test::error_of([&] { check_writable(folder / name); }) ==
          folder / name + ": is read-only, expected a writable file");
  }
  CHECK(test::file_bytes(folder / "file") == "precious");
  CHECK(files_in(folder.path()) == 2);
}

TEST_CASE("a pipe is written to while it is read, and refused, without waiting, if it is not") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "pipe";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  ::alarm(60);  // ends a test that waits
  const std::string refusal = path + ": is a pipe that nobody reads, expected one with a reader";
  CHECK(test::error_of([&] { check_writable(path); }) == refusal);
  CHECK(test::error_of([&] { write_atomically(path, "new"); }) == refusal);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(reader >= 0);
  check_writable(path);
  char bytes[9];
  CHECK((::read(reader, bytes, sizeof bytes) == -1 && errno == EAGAIN));  // not the end: more may come
  write_atomically(path, "new");
  CHECK(::read(reader, bytes, sizeof bytes) == 3);
  ::close(reader);
  ::alarm(0);
  CHECK(names_in(folder.path()) == std::vector<std::string>{"pipe"});
}

TEST_CASE("a second name for a file") {
  const test::TemporaryFolder folder;
  test::write_file(folder / "from", "bytes");
  test::write_file(folder / "to", "old");
  test::write_file(folder / ".to.0123456789abcdef.tmp", "a leftover");
  link_atomically(folder / "from", folder / "to");
  link_atomically(folder / "from", folder / "to");  // which it is already
  CHECK(fs::equivalent(folder / "from", folder / "to"));
  CHECK(names_in(folder.path()) == std::vector<std::string>{"from", "to"});
  fs::create_directory(folder / "folder");
  CHECK_THAT(test::error_of([&] { link_atomically(folder / "from", folder / "folder"); }),
             contains("folder: cannot be written: Is a directory"));
  CHECK(files_in(folder.path()) == 3);
}

#ifdef __linux__
TEST_CASE("a full disk is told, a device is written in place") {
  CHECK_THAT(test::error_of([] { write_atomically("/dev/full", "bytes"); }),
             contains("/dev/full: writing failed: No space left on device"));
  write_atomically("/dev/null", "bytes");
  CHECK(fs::is_character_file("/dev/null"));
}
#endif
