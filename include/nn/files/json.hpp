// JSON texts of files, for Json = nlohmann::json and ordered_json.
//
// Parsing and printing take seconds to compile: they are in src/nn/json.cpp alone.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace nn {

// No JSON here is nested deeper. Printing a value takes a stack frame a level.
inline constexpr int kDeepestJson = 64;

// What nlohmann's parser makes of a whole text; "discarded" if it is no JSON, if a number in it is too large
// for a double, or if it is nested too deeply.
template <class Json = nlohmann::json>
Json parse_json(std::string_view text);

// The same, but it throws nlohmann::json::exception; `callback` may keep out values, as in Json::parse().
template <class Json = nlohmann::json>
Json parse_json(std::string_view text, const typename Json::parser_callback_t& callback);

// The text of a value that holds a path or a name, which may be any bytes: JSON is UTF-8, and what is not
// becomes U+FFFD. With `indent`, a line for each member, so many spaces a level.
template <class Json>
std::string json_text(const Json& json, int indent = -1);

// The start of that text, for a message.
template <class Json>
std::string json_in_brief(const Json& json);

}  // namespace nn
