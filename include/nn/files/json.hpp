// JSON texts of files, for Json = nlohmann::json and ordered_json.
//
// Parsing and printing take seconds to compile: they are in src/nn/json.cpp alone.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace nn {

// No JSON here is nested deeper: printing a value takes a stack frame a level.
inline constexpr std::size_t kDeepestJson = 64;

// No JSON here has more of them: text of two bytes a value can take a hundred bytes of memory.
inline constexpr std::size_t kMaxJsonValues = 1'000'000;

// The JSON value that is the whole text, read in linear time. "Discarded" if it is no JSON, if a number in it
// is too large for a double, if it is nested too deeply, has too many values or has a key twice in an object;
// `fault`, if given, is then what it "is", "has" or "holds", to be put behind a path.
template <class Json = nlohmann::json>
Json parse_json(std::string_view text, std::size_t deepest = kDeepestJson, std::string* fault = nullptr);

// The text of a value that holds a path or a name, which may be any bytes: JSON is UTF-8, and what is not
// becomes U+FFFD. With `indent`, a line for each member, so many spaces a level.
template <class Json>
std::string json_text(const Json& json, int indent = -1);

// The start of that text, for a message.
template <class Json>
std::string json_in_brief(const Json& json);

}  // namespace nn
