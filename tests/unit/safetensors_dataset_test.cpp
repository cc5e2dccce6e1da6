#include "nn/data/safetensors_dataset.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"
#include "nn/files/safetensors.hpp"
#include "temporary_folder.hpp"

using namespace nn;
using nn::test::contains;

namespace {

using Sizes = std::vector<std::size_t>;

// Two images of 2 x 3 pixels in each split, labelled 1 and 0; a test may put other tensors in their place.
struct SmallSet {
  SmallSet() {
    set("train_images", {2, 2, 3}, std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255});
    set("train_labels", {2}, std::vector<std::int64_t>{1, 0});
    set("test_images", {2, 2, 3}, std::vector<std::uint8_t>(12, 7));
    set("test_labels", {2}, std::vector<std::uint8_t>{0, 1});
  }
  template <class T>
  void set(const std::string& name, const Sizes& shape, const std::vector<T>& values) {
    add[name] = [=](SafetensorsWriter& writer) { writer.tensor(name, shape, values); };
  }
  std::pair<Dataset, Dataset> load(const DataOptions& options = {}) const {
    SafetensorsWriter writer;
    for (const auto& [name, write] : add) write(writer);
    writer.save(path);
    return load_safetensors_datasets(path, options);
  }
  // The message after "<path>: ".
  std::string refusal(const DataOptions& options = {}) const {
    const std::string message = test::error_of([&] { load(options); });
    REQUIRE(message.starts_with(path + ": "));
    return message.substr(path.size() + 2);
  }

  test::TemporaryFolder folder;
  std::string path = folder / "set.safetensors";
  std::map<std::string, std::function<void(SafetensorsWriter&)>> add;
};

std::vector<int> pixels(const Dataset& data) {
  return {data.images.pixels().begin(), data.images.pixels().end()};
}
std::vector<int> labels(const Dataset& data) {
  return {data.labels.labels().begin(), data.labels.labels().end()};
}

}  // namespace

TEST_CASE("a data set is read from SafeTensors") {
  SmallSet set;
  const std::vector<int> expected{0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255};
  for (const Sizes& shape : {Sizes{2, 2, 3}, Sizes{2, 1, 2, 3}}) {
    set.set("train_images", shape, std::vector<std::uint8_t>(expected.begin(), expected.end()));
    const auto [train, test] = set.load();
    CHECK((train.size() == 2 && train.images.rows == 2 && train.images.cols == 3));
    CHECK(pixels(train) == expected);
    CHECK(pixels(test) == std::vector<int>(12, 7));
    CHECK(labels(train) == std::vector<int>{1, 0});
    CHECK(labels(test) == std::vector<int>{0, 1});
    CHECK((train.classes == 10 && test.classes == 10));
  }
  CHECK(pixels(load_safetensors_dataset(set.path, "train")) == expected);
  CHECK(labels(load_safetensors_dataset(set.path, "test", {.test_limit = 1})) == std::vector<int>{0});
}

TEST_CASE("float pixels become the bytes they were made from") {
  SmallSet set;
  constexpr std::size_t count = 300;  // more than one piece of the reader: 300 x 256 > 65536
  std::vector<float> values;
  for (std::size_t i = 0; i < count * 256; ++i) values.push_back(static_cast<float>(i % 256) / 255.0f);
  for (const Sizes& shape : {Sizes{count, 16, 16}, Sizes{count, 1, 16, 16}}) {
    set.set("train_images", shape, values);
    set.set("train_labels", {count}, std::vector<std::int32_t>(count, 3));
    set.set("test_images", {1, 16, 16}, std::vector<std::uint8_t>(256));
    set.set("test_labels", {1}, std::vector<std::uint8_t>{1});
    const auto [train, test] = set.load();
    bool same = true;
    for (std::size_t i = 0; i < values.size(); ++i) same &= train.images.pixels()[i] == i % 256;
    CHECK(same);
  }
  for (const float bad : {-0.001f, 1.001f, 255.0f, std::numeric_limits<float>::infinity(), NAN}) {
    std::vector<float> one_bad = values;
    one_bad.back() = bad;
    set.set("train_images", {count, 16, 16}, one_bad);
    CHECK_THAT(set.refusal(), contains("tensor \"train_images\" holds ") && contains("pixels from 0 to 1"));
  }
}

TEST_CASE("labels are class numbers or one-hot") {
  SmallSet set;
  const auto check_one_hot = [&](auto zero) {
    using T = decltype(zero);
    set.set("train_labels", {2, 3}, std::vector<T>{0, 0, 1, 1, 0, 0});
    const auto [train, test] = set.load();
    CHECK(labels(train) == std::vector<int>{2, 0});
    CHECK((train.classes == 3 && test.classes == 3));
    for (const std::vector<T>& bad :
         {std::vector<T>{0, 0, 1, 0, 0, 0}, {0, 0, 1, 1, 1, 0}, {0, 2, 0, 1, 0, 0}}) {
      set.set("train_labels", {2, 3}, bad);
      CHECK_THAT(set.refusal(), contains("train_labels: row ") && contains(" is not one-hot"));
    }
  };
  check_one_hot(std::uint8_t{0});
  check_one_hot(std::int32_t{0});
  check_one_hot(std::int64_t{0});
  check_one_hot(0.0f);
  set.set("train_labels", {2, 3}, std::vector<float>{0, 0, 1, NAN, 1, 0});
  CHECK_THAT(set.refusal(), contains("row 1 is not one-hot"));

  set.set("train_labels", {2, 3}, std::vector<float>{0, 0, 1, 1, 0, 0});
  CHECK(set.load({.classes = 5}).first.classes == 5);
  CHECK(set.refusal({.classes = 2}) == "train_labels: label 2, expected 0 to 1");
  set.set("test_labels", {2}, std::vector<std::int64_t>{3, 0});
  CHECK(set.refusal() == "test_labels: label 3, expected 0 to 2");
}

TEST_CASE("a bad data set in SafeTensors is refused") {
  SmallSet set;
  const auto with = [&](const std::string& name, const Sizes& shape, const auto& values) {
    SmallSet bad;
    bad.set(name, shape, values);
    return bad.refusal();
  };
  using std::vector;
  CHECK(with("train_images", {12}, vector<std::uint8_t>(12)) ==
        "tensor \"train_images\" has shape (12,), expected images (N, H, W) or (N, 1, H, W)");
  CHECK_THAT(with("train_images", {1, 3, 2, 2}, vector<std::uint8_t>(12)),
             contains("has shape (1, 3, 2, 2)"));
  CHECK_THAT(with("train_images", {0, 2, 3}, vector<std::uint8_t>()), contains("has shape (0, 2, 3)"));
  CHECK(with("train_images", {2, 2, 3}, vector<double>(12)) ==
        "tensor \"train_images\" has dtype F64, expected U8 or F32");
  CHECK_THAT(with("train_images", {3, 2, 2}, vector<std::uint8_t>(12)), contains("2 labels, expected 3"));
  CHECK_THAT(
      with("test_images", {2, 3, 2}, vector<std::uint8_t>(12)),
      contains("test_images: images of 3 x 2 pixels, expected 2 x 3 as in ") && contains(": train_images"));
  CHECK_THAT(with("test_labels", {2, 1}, vector<std::int64_t>(2)), contains("and shape (2, 1), expected"));
  CHECK_THAT(with("test_labels", {2}, vector<float>(2)), contains("has dtype F32 and shape (2,), expected"));
  CHECK_THAT(with("test_labels", {2, 2}, vector<double>(4)), contains("has dtype F64 and shape (2, 2)"));
  CHECK_THAT(with("test_labels", {}, vector<std::int64_t>(1)), contains("and shape (), expected"));
  CHECK(with("test_labels", {2}, vector<std::int64_t>{0, -1}) == "test_labels: label -1, expected 0 to 255");
  CHECK(with("test_labels", {2}, vector<std::int64_t>{0, std::int64_t{1} << 40}) ==
        "test_labels: label 1099511627776, expected 0 to 255");
  CHECK(with("test_labels", {2}, vector<std::int32_t>{0, 10}) == "test_labels: label 10, expected 0 to 9");
  set.add.erase("test_labels");
  CHECK(set.refusal() == "has no tensor \"test_labels\" among its 3");
}

TEST_CASE("options of the data apply to SafeTensors, too") {
  const auto [train, test] =
      SmallSet().load({.classes = 4, .transpose = true, .train_limit = 1, .test_limit = 5});
  CHECK((train.size() == 1 && test.size() == 2 && train.classes == 4 && test.classes == 4));
  CHECK((train.images.rows == 3 && train.images.cols == 2));
  CHECK(pixels(train) == std::vector<int>{0, 3, 1, 4, 2, 5});
  CHECK(labels(train) == std::vector<int>{1});
}
