#include "nn/data/idx.hpp"

#include <libdeflate.h>

#include <string>

#include "catch.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/dataset.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using Catch::Matchers::Contains;

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
  for (const char* name : {"plain", "packed.gz", "members.gz"}) {
    const IdxImages read = read_idx_images(folder / name);
    CHECK((read.count == 2 && read.rows == 3 && read.cols == 4));
    CHECK(read.pixels().size() == 24);
    CHECK(read.pixels().front() == 5);
    CHECK(read.pixels().back() == 5);
  }
  test::write_file(folder / "labels", labels(3, "\x01\x02\x09"));
  const IdxLabels read = read_idx_labels(folder / "labels");
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
  CHECK_THAT(refusal(""), Contains("only 0 bytes"));
  CHECK_THAT(refusal("PNG and so on, long enough"),
             Contains("magic number 0x504e4720") && Contains("0x00000803"));
  CHECK_THAT(refusal(labels(16, std::string(16, '\0'))), Contains("magic number 0x00000801"));
  CHECK_THAT(refusal(images(2, 3, 4, 23)), Contains("announces 2 x 3 x 4 bytes, but 23 follow"));
  CHECK_THAT(refusal(images(2, 3, 4, 25)), Contains("but 25 follow"));
  CHECK_THAT(refusal(images(0xffffffff, 0xffffffff, 0xffffffff, 9)), Contains("but 9 follow"));
  CHECK_THAT(refusal(images(0x80000000, 0x80000000, 4, 0)),
             Contains("but 0 follow"));  // product is 0 modulo 2^64
  CHECK_THAT(refusal(images(0, 28, 28, 0)), Contains("no pixels"));
  CHECK_THAT(test::error_of([&] { read_idx_images(folder / "missing"); }), Contains("no such file"));
  CHECK_THAT(test::error_of([&] { read_idx_images(folder.path()); }), Contains("not a regular file"));
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
  CHECK_THAT(refusal(whole.substr(0, 10)), Contains("cut short"));
  CHECK_THAT(refusal(whole.substr(0, whole.size() / 2)), Contains("damaged or cut short"));
  CHECK_THAT(refusal(whole.substr(0, whole.size() - 1)), Contains("damaged or cut short"));
  CHECK_THAT(refusal(whole.substr(0, whole.size() - 4) + "\xff\xff\xff\xff"),
             Contains("damaged or cut short"));
  CHECK_THAT(refusal(whole + "rest"), Contains("damaged or cut short"));
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 0x55);
  CHECK_THAT(refusal(flipped), Contains("damaged or cut short"));
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
             Contains("no such folder") && Contains("train-images-idx3-ubyte or train-images.idx3-ubyte"));
  CHECK_THAT(refusal(), Contains("has no train-images"));
  test::write_file(folder / "train-images-idx3-ubyte", images(3, 2, 2, 12));
  CHECK_THAT(refusal(), Contains("has no train-labels"));
  test::write_file(folder / "train-labels-idx1-ubyte", labels(2, "\x01\x02"));
  CHECK_THAT(refusal(), Contains("2 labels, expected 3"));
  test::write_file(folder / "train-labels-idx1-ubyte", labels(3, "\x01\x02\x0a"));
  CHECK_THAT(refusal(), Contains("label 10, expected 0 to 9"));
}
