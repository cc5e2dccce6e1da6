// What predict says of a picture.
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "cli/commands.hpp"

using namespace nn;
using namespace nn::cli;

namespace {

const std::vector<std::string> kNames{"nought", "one", "two", "three"};

}  // namespace

TEST_CASE("the top three are the likeliest, of equal ones the first") {
  const auto labels = [](const std::vector<float>& p) {
    std::vector<std::size_t> found;
    for (const Candidate& c : top_three(p)) found.push_back(c.label);
    return found;
  };
  CHECK(labels({0.1f, 0.2f, 0.3f, 0.4f}) == std::vector<std::size_t>{3, 2, 1});
  CHECK(labels({0.25f, 0.25f, 0.25f, 0.25f}) == std::vector<std::size_t>{0, 1, 2});
  CHECK(labels({0.3f, 0.1f, 0.3f, 0.3f}) == std::vector<std::size_t>{0, 2, 3});
  CHECK(labels({0.6f, 0.4f}) == std::vector<std::size_t>{0, 1});
  CHECK(labels({1.0f}) == std::vector<std::size_t>{0});
}

TEST_CASE("what is said of a picture") {
  const std::vector<float> p{0.2f, 0.0001f, 0.75f, 0.0499f};
  CHECK(to_text("a.png", {RejectReason::none, "digit", 2, p}, kNames) ==
        "a.png: two (75.0 %), then nought (20.0 %), three (5.0 %)");
  CHECK(to_text("-", {RejectReason::not_sure, "not sure", {}, p}, kNames) ==
        "-: not sure: two (75.0 %), nought (20.0 %), three (5.0 %)");
  CHECK(to_text("a.png", {RejectReason::nothing_drawn, "nothing drawn"}, kNames) == "a.png: nothing drawn");
  CHECK(to_text("a.png", {RejectReason::none, "digit", 0, {1.0f}}, kNames) == "a.png: nought (100.0 %)");
}

TEST_CASE("the same as JSON") {
  const std::vector<float> p{0.25f, 0.75f};
  CHECK(
      to_json("a.png", {RejectReason::none, "digit", 1, p}, kNames).dump() ==
      R"({"picture":"a.png","status":"digit","class":1,"name":"one","confidence":0.75,)"
      R"("top":[{"class":1,"name":"one","confidence":0.75},{"class":0,"name":"nought","confidence":0.25}]})");
  const auto not_sure = to_json("a.png", {RejectReason::not_sure, "not sure", {}, p}, kNames);
  CHECK((not_sure["class"].is_null() && not_sure["name"].is_null() && not_sure["confidence"].is_null()));
  CHECK(not_sure["top"][0]["name"] == "one");
  CHECK(to_json("a.png", {RejectReason::too_small, "too small"}, kNames)["top"].empty());
}

TEST_CASE("a picture of letters") {
  CHECK(ascii_picture({2, 3, {0, 25, 26, 128, 229, 255}}) ==
        "+------+\n"
        "|    ..|\n"
        "|++%%@@|\n"
        "+------+\n");
}
