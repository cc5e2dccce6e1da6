#include "nn/data/split.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "nn/data/batches.hpp"

using namespace nn;

namespace {

using Numbers = std::vector<std::uint32_t>;

// `count` images of a pixel, of three classes: 0 1 2 2 0 1 2 2 ...
Dataset small_set(std::size_t count) {
  Dataset data;
  data.images = {count, 1, 1, Bytes(count), 0, "images"};
  data.labels = {Bytes(count), 0, "labels", 3};
  data.classes = 3;
  for (std::size_t i = 0; i < count; ++i) {
    data.images.bytes.data()[i] = 0;
    data.labels.bytes.data()[i] = static_cast<std::uint8_t>(std::min<std::size_t>(i % 4, 2));
  }
  return data;
}

// How many of the images are of each class.
std::vector<std::size_t> class_sizes(const Dataset& data, const Numbers& images) {
  std::vector<std::size_t> sizes(data.classes);
  for (const std::uint32_t image : images) ++sizes[data.label(image)];
  return sizes;
}

}  // namespace

TEST_CASE("the folds of a seed are disjoint, hold every image and are as large as each other") {
  const Dataset data = small_set(GENERATE(as<std::size_t>{}, 23, 40, 101));
  for (const std::size_t count : std::vector<std::size_t>{2, 3, 5, 23}) {
    Numbers all;
    const Numbers every = all_images(data);
    for (std::size_t index = 1; index <= count; ++index) {
      const Split split = stratified_fold(data, {index, count}, 7);
      CHECK(std::ranges::is_sorted(split.validation));
      CHECK(std::ranges::is_sorted(split.training));
      const std::size_t size = split.validation.size();
      CHECK((size == data.size() / count || size == data.size() / count + 1));
      const std::vector<std::size_t> of_fold = class_sizes(data, split.validation),
                                     of_all = class_sizes(data, every);
      for (std::size_t c = 0; c < data.classes; ++c) {
        CHECK((of_fold[c] == of_all[c] / count || of_fold[c] == of_all[c] / count + 1));
      }
      Numbers both = split.training;
      both.insert(both.end(), split.validation.begin(), split.validation.end());
      std::ranges::sort(both);
      CHECK(both == every);
      all.insert(all.end(), split.validation.begin(), split.validation.end());
    }
    std::ranges::sort(all);
    CHECK(all == every);
  }
}

TEST_CASE("another seed has other folds") {
  const Dataset data = small_set(40);
  CHECK(stratified_fold(data, {1, 5}, 7).validation != stratified_fold(data, {1, 5}, 8).validation);
}

TEST_CASE("a fold as text") {
  const auto fold = parse_fold("2/5");
  REQUIRE(fold);
  CHECK(fold->index == 2);
  CHECK(fold->count == 5);
  CHECK(parse_fold("1000/1000"));
  for (const char* text :
       {"", "/", "2", "2/", "/5", "0/5", "6/5", "1/1", "1/1001", "-1/5", "1/-5", "2/5/6", " 2/5", "2/5 ",
        "2 /5", "2.0/5", "99999999999999999999/5", "1/99999999999999999999"}) {
    INFO(text);
    CHECK_FALSE(parse_fold(text));
  }
}
