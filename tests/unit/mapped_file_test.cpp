// A mapped data set is the same as one that is read.
#include "nn/files/mapped_file.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "catch.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/augment.hpp"
#include "nn/data/batches.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/outliers.hpp"
#include "nn/data/split.hpp"
#include "nn/network.hpp"
#include "nn/training/train.hpp"
#include "temporary_folder.hpp"

using namespace nn;

namespace {

// A folder with random training images and labels, in four classes.
class RandomData {
 public:
  RandomData(std::uint32_t count, std::uint32_t side) : size_(16 + std::size_t{count} * side * side) {
    SimpleRng rng(1);
    std::string images = be32(0x803) + be32(count) + be32(side) + be32(side);
    std::string labels = be32(0x801) + be32(count);
    while (images.size() < size_) images += static_cast<char>(rng.below(256));
    for (std::uint32_t i = 0; i < count; ++i) labels += static_cast<char>(rng.below(4));
    test::write_file(folder_ / "train-images-idx3-ubyte", images);
    test::write_file(folder_ / "train-labels-idx1-ubyte", labels);
  }

  std::size_t file_size() const { return size_; }  // of the images, bytes
  Dataset load(DataOptions options) const {
    options.classes = 4;
    return load_idx_dataset(folder_.path(), "train", options);
  }
  Dataset read() const { return load({}); }
  Dataset mapped() const { return load({.map_from = 1}); }

 private:
  static std::string be32(std::uint32_t v) {
    return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
            static_cast<char>(v)};
  }

  test::TemporaryFolder folder_;
  std::size_t size_;
};

std::vector<std::uint8_t> all_bytes(const Dataset& data) {
  std::vector<std::uint8_t> bytes(data.images.pixels().begin(), data.images.pixels().end());
  bytes.insert(bytes.end(), data.labels.labels().begin(), data.labels.labels().end());
  return bytes;
}

}  // namespace

TEST_CASE("plain images are mapped from a size on, and are those that are read") {
  const RandomData folder(50, 8);
  const auto is_mapped = [&](const DataOptions& options) {
    return folder.load(options).images.bytes.is_mapped();
  };
  CHECK(is_mapped({.map_from = folder.file_size()}));
  CHECK(!is_mapped({.map_from = folder.file_size() + 1}));
  CHECK(!is_mapped({}));
  CHECK(!is_mapped({.transpose = true, .map_from = 1}));

  CHECK(all_bytes(folder.mapped()) == all_bytes(folder.read()));
  CHECK(crc32(folder.mapped()) == crc32(folder.read()));
  const DataOptions first{.train_limit = 7, .map_from = 1};
  CHECK(folder.load(first).images.bytes.is_mapped());
  CHECK(all_bytes(folder.load(first)) == all_bytes(folder.load({.train_limit = 7})));
}

TEST_CASE("a packed file, and one that is in memory, are not mapped") {
  const test::TemporaryFolder folder;
  const Images packed = read_idx_images(NN_SOURCE_DIR "/data/t10k-images-idx3-ubyte.gz", 1);
  CHECK(!packed.bytes.is_mapped());
  const std::vector<std::uint8_t> bytes(9);
  CHECK(!map_file(InputFile("in memory", bytes)));
}

TEST_CASE("parts are all bytes, one after another") {
  const RandomData folder(40'000, 8);  // three parts
  const Dataset data = folder.mapped();
  std::vector<std::uint8_t> together;
  std::size_t parts = 0;
  for_parts(data.images.bytes, 5, [&](std::span<const std::uint8_t> part) {
    together.insert(together.end(), part.begin(), part.end());
    ++parts;
  });
  CHECK(parts == 3);
  CHECK(std::ranges::equal(together, data.images.bytes.from(5)));
}

TEST_CASE("training is the same, bit for bit, on mapped images and on images that were read") {
  const RandomData folder(2500, 8);  // more than are read ahead
  const auto [batch_size, shards] =
      GENERATE(std::pair<std::size_t, std::size_t>{64, 0}, std::pair<std::size_t, std::size_t>{1500, 0},
               std::pair<std::size_t, std::size_t>{100, 3});
  const auto trained = [&, batch_size = batch_size, shards = shards](const Dataset& data) {
    SimpleRng rng(42);
    Network network = parse_network("dense 16, relu, dense 4", {8, 8, 1}, "test").build(rng);
    const TrainingOptions options{.epochs = 3, .batch_size = batch_size, .shards = shards};
    const Split split = stratified_split(data, 200, 1);
    const Augmenter augmenter(parse_augment("shift=1"), 8, 8, 1);
    ThreadTeam team(2);
    TrainingState state(rng, split.training, options.optimizer);
    train(network, {data, split.validation, nullptr, &augmenter}, options, state, team);
    std::vector<double> all;
    for (const EpochReport& report : state.log) {
      all.push_back(report.loss);
      all.push_back(report.validation_loss);
    }
    for (const Tensor* t : network.state()) all.insert(all.end(), t->value.begin(), t->value.end());
    return all;
  };
  CHECK(trained(folder.mapped()) == trained(folder.read()));
}

TEST_CASE("drawings are added to a copy of mapped images") {
  const RandomData folder(60, 28);
  ThreadTeam team(2);
  Dataset mapped = folder.mapped(), read = folder.read();
  add_outliers(mapped, 10, 1, team);
  add_outliers(read, 10, 1, team);
  CHECK((mapped.size() == 70 && !mapped.images.bytes.is_mapped()));
  CHECK(all_bytes(mapped) == all_bytes(read));
}
