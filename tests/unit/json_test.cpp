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

TEST_CASE("JSON is written whatever bytes it holds") {
  CHECK(json_text(nlohmann::json{"\xff.bin"}) == "[\"\xef\xbf\xbd.bin\"]");
  const nlohmann::json letters = std::string(1000, 'a');
  CHECK(json_in_brief(letters) == json_text(letters).substr(0, 57) + "...");
}
