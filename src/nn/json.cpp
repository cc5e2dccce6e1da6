#include "nn/files/json.hpp"

#include <nlohmann/json.hpp>

#include "nn/core/text.hpp"

namespace nn {

template <class Json>
Json parse_json(std::string_view text) {
  bool is_too_deep = false;
  const auto note_depth = [&](int depth, auto, auto&) {
    is_too_deep = is_too_deep || depth > kDeepestJson;
    return !is_too_deep;
  };
  Json json = Json::parse(text, note_depth, false);
  return is_too_deep ? Json(Json::value_t::discarded) : json;
}

template <class Json>
Json parse_json(std::string_view text, const typename Json::parser_callback_t& callback) {
  return Json::parse(text, callback);
}

template <class Json>
std::string json_text(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

template <class Json>
std::string json_in_brief(const Json& json) {
  return shortened(json_text(json));
}

using Json = nlohmann::json;
template Json parse_json(std::string_view);
template Json parse_json(std::string_view, const Json::parser_callback_t&);
template std::string json_text(const Json&, int);
template std::string json_in_brief(const Json&);

using OrderedJson = nlohmann::ordered_json;
template OrderedJson parse_json(std::string_view);
template OrderedJson parse_json(std::string_view, const OrderedJson::parser_callback_t&);
template std::string json_text(const OrderedJson&, int);
template std::string json_in_brief(const OrderedJson&);

}  // namespace nn
