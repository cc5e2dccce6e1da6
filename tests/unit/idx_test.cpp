#include "nn/data/idx.hpp"

#include <libdeflate.h>

#include <string>

#include "catch.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/dataset.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;

namespace {

std::string be32(std::uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8),
          static_cast<char>(v)};
}
std::string images(std::uint32_t n, std::uint32_t rows, std::uint32_t cols, std::size_t bytes) {
  return be32(0x803) + be32(n) + be32(rows) + be32(cols) + std::string(bytes, '\x05');
}
std::string labels(std::uint32_t n, const std::string& bytes) {
  return be32(0x801) + be32(n) + bytes;
}

std::string gzip(const std::string& bytes) {
  libdeflate_compressor* compressor = libdeflate_alloc_compressor(6);
  std::string packed(libdeflate_gzip_compress_bound(compressor, bytes.size()), '\0');
  packed.resize(
      libdeflate_gzip_compress(compressor, bytes.data(), bytes.size(), packed.data(), packed.size()));
  libdeflate_free_compressor(compressor);
  return packed;
}

}  // namespace

TEST_CASE("IDX images and labels are read, plain and packed") {
  const test::TemporaryFolder folder;
  const std::string content = images(2, 3, 4, 24);
  test::write_file(folder / "plain", content);
  test::write_file(folder / "packed.gz", gzip(content));
  test::write_file(folder / "members.gz", gzip(content.substr(0, 20)) + gzip(content.substr(20)));
  test::write_file(folder / "header in parts.gz", gzip(content.substr(0, 3)) + gzip("") +
                                                      gzip(content.substr(3, 5)) + gzip(content.substr(8)));
  std::string named = gzip(content);  // after its ten bytes a name, longer than what is read at a time
  named[3] = '\x08';
  named.insert(10, std::string(10000, 'n') + '\0');
  test::write_file(folder / "named.gz", named);
  for (const char* name : {"plain", "packed.gz", "members.gz", "header in parts.gz", "named.gz"}) {
    const Images read = read_idx_images(folder / name);
    CHECK((read.count == 2 && read.rows == 3 && read.cols == 4));
    CHECK(read.pixels().size() == 24);
    CHECK(read.pixels().front() == 5);
    CHECK(read.pixels().back() == 5);
  }
  test::write_file(folder / "labels", labels(3, "\x01\x02\x09"));
  const Labels read = read_idx_labels(folder / "labels");
  CHECK(std::vector<int>(read.labels().begin(), read.labels().end()) == std::vector<int>{1, 2, 9});
}

TEST_CASE("a bad IDX file is refused with what was found and expected") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "file";
  const auto refusal = [&](const std::string& bytes) {
    test::write_file(path, bytes);
    const std::string message = test::error_of([&] { read_idx_images(path); });
    CHECK_THAT(message, Catch::Matchers::StartsWith(path + ": "));
    CHECK(message.find('\n') == std::string::npos);
    return message;
  };
  CHECK_THAT(refusal(""), contains("only 0 bytes"));
  CHECK_THAT(refusal("PNG and so on, long enough"),
             contains("magic number 0x504e4720") && contains("0x00000803"));
  CHECK_THAT(refusal(labels(16, std::string(16, '\0'))), contains("magic number 0x00000801"));
  CHECK_THAT(refusal(images(2, 3, 4, 23)), contains("announces 2 x 3 x 4 bytes, but 23 follow"));
  CHECK_THAT(refusal(images(1, 4097, 1, 4097)), contains("4097 x 1 pixels, expected at most 4096 x 4096"));
  CHECK_THAT(refusal(images(2, 3, 4, 25)), contains("but 25 follow"));
  CHECK_THAT(refusal(images(0xffffffff, 0xffffffff, 0xffffffff, 9)), contains("but 9 follow"));
  CHECK_THAT(refusal(images(0x80000000, 0x80000000, 4, 0)),
             contains("but 0 follow"));  // product is 0 modulo 2^64
  CHECK_THAT(refusal(images(0, 28, 28, 0)), contains("no pixels"));
  CHECK_THAT(test::error_of([&] { read_idx_images(folder / "missing"); }), contains("no such file"));
  CHECK_THAT(test::error_of([&] { read_idx_images(folder.path()); }), contains("not a regular file"));
}

TEST_CASE("a packed IDX file holds just what its header announces") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "file.gz";
  const auto refusal = [&](const std::string& packed) {
    test::write_file(path, packed);
    const std::string message = test::error_of([&] { read_idx_images(path); });
    CHECK_THAT(message, Catch::Matchers::StartsWith(path + ": "));
    return message;
  };
  CHECK_THAT(refusal(gzip("")), contains("only 0 bytes long, expected IDX images with a header of 16"));
  CHECK_THAT(refusal(gzip("12345")), contains("only 5 bytes long"));
  CHECK_THAT(refusal(gzip(std::string(100'000, '\0'))), contains("magic number 0x00000000"));
  const std::string header = "header announces 2 x 3 x 4 bytes, but ";
  CHECK_THAT(refusal(gzip(images(2, 3, 4, 23))), contains(header + "23 follow it"));
  CHECK_THAT(refusal(gzip(images(2, 3, 4, 0))), contains(header + "0 follow it"));
  CHECK_THAT(refusal(gzip(images(2, 3, 4, 25))), contains(header + "more follow it"));
  CHECK_THAT(refusal(gzip(images(2, 3, 4, 24)) + gzip("!")), contains(header + "more follow it"));
  CHECK_THAT(refusal(gzip(images(2, 4097, 4, 1))), contains("4097 x 4 pixels, expected at most 4096"));

  // What a file of this size cannot hold is refused for that.
  const std::string absurd = gzip(images(0xffffffff, 4096, 4096, 100));
  CHECK_THAT(refusal(absurd), contains("header announces 4294967295 x 4096 x 4096 bytes, but at most " +
                                       std::to_string(1032 * absurd.size() - 16) + " follow it"));
  CHECK_THAT(refusal(gzip(images(0x80000000, 0x80000000, 4, 0))), contains("but at most "));
}

TEST_CASE("damaged gzip data is refused without a large allocation") {
  const test::TemporaryFolder folder;
  std::string content = images(100, 28, 28, 78400);
  SimpleRng rng(1);
  for (std::size_t i = 16; i < content.size(); ++i) content[i] = static_cast<char>(rng.below(256));
  const std::string path = folder / "file.gz", whole = gzip(content);
  const auto refusal = [&](const std::string& bytes) {
    test::write_file(path, bytes);
    return test::error_of([&] { read_idx_images(path); });
  };
  CHECK_THAT(refusal(whole.substr(0, 10)), contains("cut short"));
  CHECK_THAT(refusal(whole.substr(0, whole.size() / 2)), contains("damaged or cut short"));
  CHECK_THAT(refusal(whole.substr(0, whole.size() - 1)), contains("damaged or cut short"));
  CHECK_THAT(refusal(whole.substr(0, whole.size() - 4) + "\xff\xff\xff\xff"),
             contains("damaged or cut short"));
  CHECK_THAT(refusal(whole + "rest"), contains("damaged or cut short"));
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 0x55);
  CHECK_THAT(refusal(flipped), contains("damaged or cut short"));
}

TEST_CASE("a data set is found in all four spellings") {
  for (const std::string dot : {"-", "."}) {
    for (const bool packed : {false, true}) {
      const test::TemporaryFolder folder;
      const auto put = [&](const std::string& name, const std::string& bytes) {
        test::write_file(folder / (name + (packed ? ".gz" : "")), packed ? gzip(bytes) : bytes);
      };
      put("t10k-images" + dot + "idx3-ubyte", images(3, 2, 2, 12));
      put("t10k-labels" + dot + "idx1-ubyte", labels(3, std::string("\x00\x09\x04", 3)));
      const Dataset data = load_idx_dataset(folder.path(), "t10k");
      CHECK(data.size() == 3);
      CHECK(data.label(1) == 9);
    }
  }
}

TEST_CASE("a bad data set is refused") {
  const test::TemporaryFolder folder;
  const auto refusal = [&] { return test::error_of([&] { load_idx_dataset(folder.path(), "train"); }); };
  CHECK_THAT(test::error_of([&] { load_idx_dataset(folder / "none", "train"); }),
             contains("no such folder") && contains("train-images-idx3-ubyte or train-images.idx3-ubyte"));
  CHECK_THAT(refusal(), contains("has no train-images"));
  test::write_file(folder / "train-images-idx3-ubyte", images(3, 2, 2, 12));
  CHECK_THAT(refusal(), contains("has no train-labels"));
  test::write_file(folder / "train-labels-idx1-ubyte", labels(2, "\x01\x02"));
  CHECK_THAT(refusal(), contains("2 labels, expected 3"));
  test::write_file(folder / "train-labels-idx1-ubyte", labels(3, "\x01\x02\x0a"));
  CHECK_THAT(refusal(), contains("label 10, expected 0 to 9"));
}

namespace {

// A folder with images of 1 x 2 pixels, the i-th being (i, 100 + i), and these labels.
struct LabelledFolder {
  LabelledFolder(const std::string& train, const std::string& test) {
    put("train", train);
    put("t10k", test);
  }
  void put(const std::string& split, const std::string& label_bytes) const {
    const auto count = static_cast<std::uint32_t>(label_bytes.size());
    std::string pixels = images(count, 1, 2, 0);
    for (std::uint32_t i = 0; i < count; ++i) pixels += {static_cast<char>(i), static_cast<char>(100 + i)};
    test::write_file(folder / (split + "-images-idx3-ubyte"), pixels);
    test::write_file(folder / (split + "-labels-idx1-ubyte"), labels(count, label_bytes));
  }
  std::pair<Dataset, Dataset> load(const DataOptions& options = {}) const {
    return load_train_and_test(folder.path(), options);
  }
  std::string refusal(const DataOptions& options = {}) const {
    const std::string message = test::error_of([&] { load(options); });
    REQUIRE(message.starts_with(folder / ""));
    return message.substr((folder / "").size());
  }
  test::TemporaryFolder folder;
};

// first .. last, a byte each
std::string count_up(int first, int last) {
  std::string bytes;
  for (int label = first; label <= last; ++label) bytes += static_cast<char>(label);
  return bytes;
}

}  // namespace

TEST_CASE("the number of classes comes from the labels, unless it is given") {
  CHECK(LabelledFolder("\x01", "\x01").load().first.classes == 10);
  CHECK(LabelledFolder(count_up(0, 9), "\x09").load().second.classes == 10);
  CHECK(LabelledFolder(count_up(0, 46), "\x05").load().second.classes == 47);
  CHECK(LabelledFolder(count_up(1, 26), "\x1a").load().first.classes == 27);  // EMNIST's letters
  CHECK(LabelledFolder(count_up(0, 255), "\x0a").load().first.classes == 256);
  CHECK(LabelledFolder("\x03\x05\x0f", "\x04").load({.classes = 16}).second.classes == 16);
  CHECK(LabelledFolder("\x01\x02", "\x01").load({.classes = 3}).first.classes == 3);

  const std::string train = "train-labels-idx1-ubyte: ", test = "t10k-labels-idx1-ubyte: ";
  CHECK(LabelledFolder("\x01\x02\x0a", "\x01").refusal() ==
        train + "label 10, expected 0 to 9, or every label from 1 to 10: 3 does not occur");
  CHECK(LabelledFolder(std::string(5, '\x0a'), "\x01").refusal() ==
        train + "label 10, expected 0 to 9, or every label from 1 to 10: 1 does not occur");
  CHECK(LabelledFolder(count_up(2, 26), "\x01").refusal() ==
        train + "label 26, expected 0 to 9, or every label from 1 to 26: 1 does not occur");
  CHECK(LabelledFolder("\x01\x0a", "\x01").refusal({.classes = 10}) == train + "label 10, expected 0 to 9");
  CHECK(LabelledFolder("\x01", "\x0a").refusal() == test + "label 10, expected 0 to 9");
  CHECK(LabelledFolder(count_up(0, 12), count_up(0, 13)).refusal() == test + "label 13, expected 0 to 12");
}

TEST_CASE("the first images are kept, and the classes of all") {
  const LabelledFolder folder(count_up(0, 11), count_up(0, 4));
  const auto [train, test] = folder.load({.train_limit = 3, .test_limit = 5});
  CHECK((train.size() == 3 && test.size() == 5 && train.classes == 12));
  CHECK((train.images.pixels().size() == 6 && train.labels.labels().size() == 3));
  CHECK((train.image(2)[0] == 2 && train.image(2)[1] == 102 && train.label(2) == 2));
  CHECK(folder.load({.train_limit = 13}).first.size() == 12);
  CHECK(load_idx_dataset(folder.folder.path(), "t10k", {.train_limit = 1, .test_limit = 2}).size() == 2);
}

TEST_CASE("images are transposed") {
  const LabelledFolder folder("\x01\x02", "\x01");
  const std::string pixels = be32(0x803) + be32(2) + be32(2) + be32(3) + count_up(1, 12);
  test::write_file(folder.folder / "train-images-idx3-ubyte", pixels);
  const Dataset data = load_idx_dataset(folder.folder.path(), "train", {.transpose = true});
  CHECK((data.images.rows == 3 && data.images.cols == 2));
  CHECK(std::vector<int>(data.images.pixels().begin(), data.images.pixels().end()) ==
        std::vector<int>{1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12});
  CHECK(folder.refusal() == "t10k-images-idx3-ubyte: images of 1 x 2 pixels, expected 2 x 3 as in " +
                                (folder.folder / "train-images-idx3-ubyte"));
}
