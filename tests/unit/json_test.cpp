#include "nn/files/json.hpp"

#include "catch.hpp"

using namespace nn;

TEST_CASE("JSON is read from a whole text, or not at all") {
  const std::size_t deepest = kDeepestJson;
  CHECK(parse_json(R"({"a": [1, 2]})") == nlohmann::json{{"a", {1, 2}}});
  CHECK_FALSE(parse_json(std::string(deepest, '[') + std::string(deepest, ']')).is_discarded());
  CHECK(parse_json(std::string(100'000, '[') + std::string(100'000, ']')).is_discarded());
  for (const char* text : {"", "{", "1 x", "[1e400]", "\"\xff\""}) CHECK(parse_json(text).is_discarded());
}

TEST_CASE("JSON that would keep the reader busy, or that says two things, is refused with what is wrong") {
  const auto list =
      [](std::size_t values) {  // of empty objects, which a callback would read in quadratic time
        std::string text = "[";
        for (std::size_t i = 1; i < values; ++i) text += "{},";
        text.back() = ']';
        return text;
      };
  const auto fault_of = [](const std::string& text, std::size_t deepest = kDeepestJson) {
    std::string fault;
    const bool is_refused = parse_json(text, deepest, &fault).is_discarded();
    CHECK(is_refused == !fault.empty());
    return fault;
  };
  CHECK(fault_of(list(kMaxJsonValues)).empty());
  CHECK(fault_of(list(kMaxJsonValues + 1)) == "has more than 1000000 values");
  CHECK(fault_of(R"([{"a": 1}, {"a": {"b": 1, "c": 2, "b": 3}}])") == "has \"b\" twice");
  CHECK(fault_of("[[[1]]]", 2) == "is nested deeper than 2 levels");
  CHECK(fault_of("[1e400]") == "holds a number that is too large");
  CHECK(fault_of("{\"a\": }") == "is no JSON at byte 7");
}

TEST_CASE("JSON is written whatever bytes it holds") {
  CHECK(json_text(nlohmann::json{"\xff.bin"}) == "[\"\xef\xbf\xbd.bin\"]");
  const nlohmann::json letters = std::string(1000, 'a');
  CHECK(json_in_brief(letters) == json_text(letters).substr(0, 57) + "...");
}
