// JSON texts from files.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

namespace nn {

// What nlohmann's parser makes of a whole text; "discarded" if it is no JSON, if a number in it is too large
// for a double, or if it is nested deeper than anything here is: printing such a value takes a stack frame a
// level.
template <class Json = nlohmann::json>
Json parse_json(std::string_view text) {
  constexpr int deepest = 64;
  bool is_too_deep = false;
  const auto note_depth = [&](int depth, auto, auto&) {
    is_too_deep = is_too_deep || depth > deepest;
    return !is_too_deep;
  };
  Json json = Json::parse(text, note_depth, false);
  return is_too_deep ? Json(Json::value_t::discarded) : json;
}

}  // namespace nn
