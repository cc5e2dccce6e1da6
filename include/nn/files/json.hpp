// JSON texts of files.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "nn/core/text.hpp"

namespace nn {

// No JSON here is nested deeper. Printing a value takes a stack frame a level.
inline constexpr int kDeepestJson = 64;

// What nlohmann's parser makes of a whole text; "discarded" if it is no JSON, if a number in it is too large
// for a double, or if it is nested too deeply.
template <class Json = nlohmann::json>
Json parse_json(std::string_view text) {
  bool is_too_deep = false;
  const auto note_depth = [&](int depth, auto, auto&) {
    is_too_deep = is_too_deep || depth > kDeepestJson;
    return !is_too_deep;
  };
  Json json = Json::parse(text, note_depth, false);
  return is_too_deep ? Json(Json::value_t::discarded) : json;
}

// The text of a value that holds a path or a name, which may be any bytes: JSON is UTF-8, and what is not
// becomes U+FFFD.
template <class Json>
std::string json_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The start of that text, for a message.
template <class Json>
std::string json_in_brief(const Json& json) {
  return shortened(json_text(json));
}

}  // namespace nn
