#include "nn/training/checkpoint_folder.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "catch.hpp"
#include "nn/core/error.hpp"
#include "nn/files/atomic_file.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;
namespace fs = std::filesystem;

TEST_CASE("a folder of checkpoints is one run's as long as it lives") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "run";
  {
    const CheckpointFolder first(path, 1, false);
    const std::string expected = path + ": another run uses it, expected a folder of its own for each run";
    CHECK(test::error_of([&] { CheckpointFolder(path, 1, false); }) == expected);
    CHECK(test::error_of([&] { CheckpointFolder(path, 1, true); }) == expected);
    CHECK_NOTHROW(CheckpointFolder(folder / "other", 1, false));
  }
  CHECK_NOTHROW(CheckpointFolder(path, 1, false));
}

TEST_CASE("what stands in the way of a checkpoint is told") {
  const test::TemporaryFolder folder;
  const auto write = [](const std::string& path) { write_atomically(path, "checkpoint"); };
  const CheckpointFolder checkpoints(folder.path(), 1, false);

  fs::create_directories(folder / "epoch-000001.safetensors/in the way");
  CHECK_THAT(test::error_of([&] { checkpoints.save_epoch(1, false, write); }),
             contains("epoch-000001.safetensors: cannot be written: "));
  CHECK_THAT(test::error_of([&] { checkpoints.save_epoch(2, false, write); }),
             contains(folder.path() + ": older checkpoints cannot be removed: "));
  fs::remove_all(folder / "epoch-000001.safetensors");
  CHECK_NOTHROW(checkpoints.save_epoch(3, true, write));

  fs::create_symlink("loop", folder / "loop");
  CHECK(checkpoint_file(folder / "loop") == folder / "loop");
  CHECK_THAT(test::error_of([&] { CheckpointFolder(folder / "loop", 1, false); }),
             contains("cannot be written: Too many levels of symbolic links"));
}

TEST_CASE("what a killed run has left goes when its folder is used again") {
  const test::TemporaryFolder folder;
  const std::string end = ".safetensors.0123456789abcdef.tmp";
  for (const std::string name : {".latest", ".best", ".epoch-000002", ".model"}) {
    test::write_file(folder / (name + end), "half a checkpoint");
  }
  const CheckpointFolder checkpoints(folder.path(), 1, false);
  CHECK(!fs::exists(folder / (".latest" + end)));
  CHECK(!fs::exists(folder / (".best" + end)));
  CHECK(!fs::exists(folder / (".epoch-000002" + end)));
  CHECK(fs::exists(folder / (".model" + end)));  // another writer's
}

TEST_CASE("the files that a folder of checkpoints is made of") {
  CHECK(CheckpointFolder::is_checkpoint("latest.safetensors"));
  CHECK(CheckpointFolder::is_checkpoint("best.safetensors"));
  CHECK(CheckpointFolder::is_checkpoint("epoch-000012.safetensors"));
  CHECK(!CheckpointFolder::is_checkpoint("model.safetensors"));
  CHECK(!CheckpointFolder::is_checkpoint("epoch-twelve.safetensors"));
}

TEST_CASE("a folder of checkpoints keeps the newest, the best and the latest") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "run";
  {
    const CheckpointFolder checkpoints(path, 2, false);
    for (std::size_t epoch = 1; epoch <= 4; ++epoch) {
      checkpoints.save_epoch(epoch, epoch == 2, [&](const std::string& latest) {
        write_atomically(latest, "epoch " + std::to_string(epoch));
      });
    }
  }
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(path)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  CHECK(names == std::vector<std::string>{"best.safetensors", "epoch-000003.safetensors",
                                          "epoch-000004.safetensors", "latest.safetensors"});
  CHECK(test::file_bytes(path + "/best.safetensors") == "epoch 2");
  CHECK(test::file_bytes(path + "/epoch-000003.safetensors") == "epoch 3");
  CHECK(test::file_bytes(path + "/latest.safetensors") == "epoch 4");
  CHECK(checkpoint_file(path) == path + "/latest.safetensors");
  CHECK_THROWS_WITH(CheckpointFolder(path, 2, false),
                    contains("holds checkpoints of an earlier run") && contains("--resume"));
  CHECK_NOTHROW(CheckpointFolder(path, 2, true));
}
