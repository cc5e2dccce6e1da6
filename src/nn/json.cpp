#include "nn/files/json.hpp"

#include <set>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/core/text.hpp"

namespace nn {

namespace {

// Looks at a text without keeping its values. (A callback for Json::parse() would take time that grows with
// the square of an array's length.)
class JsonCheck final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit JsonCheck(std::size_t deepest) : deepest_(deepest) {}

  std::string fault;  // why the text is refused

  bool null() override { return count(); }
  bool boolean(bool) override { return count(); }
  bool number_integer(number_integer_t) override { return count(); }
  bool number_unsigned(number_unsigned_t) override { return count(); }
  bool number_float(number_float_t, const string_t&) override { return count(); }
  bool string(string_t&) override { return count(); }
  bool binary(binary_t&) override { return count(); }
  bool start_array(std::size_t) override { return start(); }
  bool start_object(std::size_t) override { return start(); }
  bool end_array() override { return end(); }
  bool end_object() override { return end(); }

  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) return true;
    return refuse("has " + json_in_brief(nlohmann::json(name)) + " twice");
  }

  bool parse_error(std::size_t byte, const std::string&, const nlohmann::json::exception& error) override {
    const bool is_too_large = dynamic_cast<const nlohmann::json::out_of_range*>(&error) != nullptr;
    return refuse(is_too_large ? "holds a number that is too large"
                               : "is no JSON at byte " + std::to_string(byte));
  }

 private:
  bool refuse(std::string why) {
    fault = std::move(why);
    return false;
  }
  bool count() {
    return ++values_ <= kMaxJsonValues ||
           refuse("has more than " + std::to_string(kMaxJsonValues) + " values");
  }
  bool start() {
    if (keys_.size() == deepest_)
      return refuse("is nested deeper than " + std::to_string(deepest_) + " levels");
    keys_.emplace_back();
    return count();
  }
  bool end() {
    keys_.pop_back();
    return true;
  }

  std::size_t deepest_, values_ = 0;
  std::vector<std::set<std::string>> keys_;  // of the objects and arrays around the place, outermost first
};

}  // namespace

template <class Json>
Json parse_json(std::string_view text, std::size_t deepest, std::string* fault) {
  JsonCheck check(deepest);
  if (nlohmann::json::sax_parse(text, &check)) return Json::parse(text);
  if (fault != nullptr) *fault = check.fault;
  return Json(Json::value_t::discarded);
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
template Json parse_json(std::string_view, std::size_t, std::string*);
template std::string json_text(const Json&, int);
template std::string json_in_brief(const Json&);

using OrderedJson = nlohmann::ordered_json;
template OrderedJson parse_json(std::string_view, std::size_t, std::string*);
template std::string json_text(const OrderedJson&, int);
template std::string json_in_brief(const OrderedJson&);

}  // namespace nn
