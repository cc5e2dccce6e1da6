#include "nn/data/dataset.hpp"

#include <algorithm>
#include <filesystem>
#include <string>

#include "catch.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;
namespace fs = std::filesystem;

namespace {
Labels labels_of(const std::string& bytes, std::size_t stated = 0) {
  Labels labels{Bytes(bytes.size()), 0, "labels", stated};
  std::ranges::copy(bytes, labels.bytes.data());
  return labels;
}
}  // namespace

TEST_CASE("as many classes as have a name, if nothing else says how many and the labels fit") {
  const std::string zero_and_one("\0\1", 2);
  CHECK(count_classes(labels_of(zero_and_one), 0) == 10);
  CHECK(count_classes(labels_of(zero_and_one), 0, 2) == 2);
  CHECK(count_classes(labels_of(zero_and_one), 0, 12) == 12);
  CHECK(count_classes(labels_of(zero_and_one), 5, 2) == 5);     // --classes 5
  CHECK(count_classes(labels_of(zero_and_one, 3), 0, 2) == 3);  // one-hot rows of 3
  CHECK(count_classes(labels_of(zero_and_one), 0, 1) == 2);     // too few names
  CHECK(count_classes(labels_of("\1\2\3\4\5\6\7\x8\x9\xa"), 0, 10) == 11);
  CHECK(test::error_of([] { count_classes(labels_of("\1\2\4"), 0, 3); }) ==
        "labels: label 4, expected 0 to 2, as 3 classes have names, or every label from 1 to 4: 3 does not "
        "occur");
}

TEST_CASE("a data set that cannot be looked at is told, one that is not there, too") {
  const test::TemporaryFolder folder;
  const auto refusal = [](const std::string& path) {
    return test::error_of([&] { load_idx_dataset(path, "train"); });
  };
  fs::create_symlink("loop", folder / "loop");
  CHECK_THAT(refusal(folder / "loop"),
             contains("loop/train-images-idx3-ubyte: cannot be read: Too many levels of symbolic links"));
  CHECK_THAT(refusal(folder / std::string(300, 'x')), contains("cannot be read: File name too long"));
  CHECK_THAT(refusal(folder / "missing"), contains("missing: no such folder, expected a folder with"));
  CHECK_THAT(refusal(folder.path()), contains(folder.path() + ": has no train-images, expected a folder"));
  fs::create_symlink("nowhere", folder / "train-images-idx3-ubyte");
  CHECK_THAT(refusal(folder.path()), contains("has no train-images"));
}

TEST_CASE("the files that a data set may be in") {
  const std::vector<std::string> files = idx_dataset_files("data");
  CHECK(files.size() == 16);
  for (const char* name : {"data/train-images-idx3-ubyte", "data/train-labels.idx1-ubyte.gz",
                           "data/t10k-images.idx3-ubyte", "data/t10k-labels-idx1-ubyte.gz"}) {
    CHECK(std::ranges::count(files, name) == 1);
  }
}
