// Networks as text and as JSON: from and to the fields that every layer lists.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/core/text.hpp"
#include "nn/data/images.hpp"
#include "nn/files/json.hpp"
#include "nn/layers/all_layers.hpp"
#include "nn/network.hpp"

namespace nn {

namespace {

using Layers = std::vector<std::unique_ptr<Layer>>;

std::unique_ptr<Layer> make_layer(std::string_view name) {
  for (const LayerKind& kind : layer_kinds()) {
    if (kind.name == name) return kind.make();
  }
  return nullptr;
}

std::string layer_names() {
  return join(layer_kinds(), ", ", &LayerKind::name);
}

// The value of a number or a word (its index).
double value_of(const Field& field) {
  if (const auto* size = std::get_if<std::size_t*>(&field.value)) return static_cast<double>(**size);
  return *std::get<double*>(field.value);
}

// Sets a number; false if it is out of range or should be whole.
bool set_number(const Field& field, double x) {
  if (auto* const* value = std::get_if<double*>(&field.value)) {
    if (!(x >= field.least && x < field.most)) return false;
    **value = x;
    return true;
  }
  if (!(x >= field.least && x <= field.most) || x != std::floor(x)) return false;
  *std::get<std::size_t*>(field.value) = static_cast<std::size_t>(x);
  return true;
}

bool set_word(const Field& field, std::string_view text) {
  for (std::size_t i = 0; i < field.words.size(); ++i) {
    if (field.words[i] != text) continue;
    *std::get<std::size_t*>(field.value) = i;
    return true;
  }
  return false;
}

// "a whole number from 1 to 64", "a number from 0 to below 1", "one of sinusoidal, learned"
std::string range_of(const Field& field) {
  if (field.style == Field::word) return "one of " + join(field.words, ", ");
  if (field.style == Field::flag) return "true or false";
  const bool is_whole = std::holds_alternative<std::size_t*>(field.value);
  return (is_whole ? "a whole number from " : "a number from ") + number_text(field.least) +
         (is_whole ? " to " : " to below ") + number_text(field.most);
}

// --- To text

std::string text_of(const Layers& layers);

std::string text_of(Layer& layer) {
  std::string text = layer.name();
  if (layer.inner()) return text + "(" + text_of(*layer.inner()) + ")";
  for (const Field& field : layer.fields()) {
    if (field.style == Field::flag) {
      if (*std::get<bool*>(field.value)) text += std::string(" ") + field.name;
      continue;
    }
    const std::string number = number_text(value_of(field));
    if (field.style == Field::number) text += " " + number;
    if (field.style == Field::square) text += " " + number + "x" + number;
    if (field.style == Field::word)
      text += std::string(" ") + field.words[*std::get<std::size_t*>(field.value)];
    if (field.style == Field::keyword && value_of(field) != static_cast<double>(field.standard)) {
      text += std::string(" ") + field.name + " " + number;
    }
  }
  return text;
}

std::string text_of(const Layers& layers) {
  return join(layers, ", ", [](const auto& layer) { return text_of(*layer); });
}

// --- From text

// list: item, item, ...      item: NAME VALUES | NAME ( list ) | repeat N ( list )
class Parser {
 public:
  Parser(std::string_view text, const std::string& source, std::size_t classes)
      : text_(text), source_(source), classes_(classes) {}

  Layers whole() {
    Layers layers = list(0);
    if (!at_end()) refuse(word(), "a comma, or the end");
    return layers;
  }

 private:
  Layers list(std::size_t depth) {
    Layers layers;
    do item(layers, depth);
    while (take(','));
    return layers;
  }

  void item(Layers& layers, std::size_t depth) {
    if (depth > kMaxNesting) refuse("(", "parentheses at most " + std::to_string(kMaxNesting) + " deep");
    const std::string_view name = word();
    if (name == "repeat") {
      const Field times{"times", Field::number, &repeats_, 1, kMaxLayers};
      number(times, word());
      expect('(');
      const std::size_t begin = at_;
      for (std::size_t i = repeats_; i > 0; --i) {
        at_ = begin;
        for (auto& layer : list(depth + 1)) append(layers, std::move(layer));
      }
      return expect(')');
    }
    std::unique_ptr<Layer> layer = make_layer(name);
    if (!layer) refuse(name, "a layer, one of " + layer_names() + ", or repeat");
    if (layer->inner()) {
      expect('(');
      *layer->inner() = list(depth + 1);
      expect(')');
    } else {
      fields(*layer);
    }
    append(layers, std::move(layer));
  }

  void append(Layers& layers, std::unique_ptr<Layer> layer) {
    if (layers.size() == kMaxLayers)
      refuse(layer->name(), "at most " + std::to_string(kMaxLayers) + " layers");
    layers.push_back(std::move(layer));
  }

  // What follows a layer's name: first the values that have to be there, then the others in any order.
  void fields(Layer& layer) {
    std::vector<Field> optional;
    for (const Field& field : layer.fields()) {
      const bool has_name = field.style == Field::keyword || field.style == Field::flag;
      if (has_name) {
        optional.push_back(field);
        continue;
      }
      const std::string_view value = word();
      if (field.style == Field::word) {
        if (!set_word(field, value)) refuse(value, range_of(field));
      } else if (field.style == Field::square) {
        const std::size_t x = value.find('x');
        if (x == value.npos || value.substr(0, x) != value.substr(x + 1))
          refuse(value, "a square, such as 3x3");
        number(field, value.substr(0, x));
      } else {
        number(field, value);
      }
    }
    while (!at_end() && !is_mark(text_[at_])) {
      const std::string_view name = word();
      const auto found = std::ranges::find_if(optional, [&](const Field& f) { return f.name == name; });
      if (found == optional.end()) {
        std::string names;
        for (const Field& f : optional) names += std::string(f.name) + ", ";
        refuse(name, names + "a comma, or the end");
      }
      const Field field = *found;
      optional.erase(found);  // each once
      if (field.style == Field::flag) {
        *std::get<bool*>(field.value) = true;
      } else {
        number(field, word());
      }
    }
  }

  void number(const Field& field, std::string_view text) {
    std::optional<double> x;
    const bool may_be_classes = classes_ != 0 && field.name == std::string_view("units");
    if (may_be_classes && text == "classes") {
      x = static_cast<double>(classes_);
    } else if (std::holds_alternative<std::size_t*>(field.value)) {
      std::size_t whole = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), whole);
      if (error == std::errc() && end == text.data() + text.size()) x = static_cast<double>(whole);
    } else {
      const nlohmann::json parsed = parse_json(text);
      if (parsed.is_number()) x = parsed.get<double>();
    }
    if (!x || !set_number(field, *x)) {
      refuse(text, std::string(field.name) + ", " + range_of(field) + (may_be_classes ? ", or classes" : ""));
    }
  }

  // The next word, or mark; "" at the end.
  std::string_view word() {
    at_end();
    word_at_ = at_;
    while (at_ < text_.size() && !is_space(text_[at_]) && !is_mark(text_[at_])) ++at_;
    if (at_ == word_at_ && at_ < text_.size()) {  // a mark: no word
      return {};
    }
    return text_.substr(word_at_, at_ - word_at_);
  }
  bool take(char mark) {
    if (at_end() || text_[at_] != mark) return false;
    ++at_;
    return true;
  }
  void expect(char mark) {
    if (take(mark)) return;
    const std::string_view found = word();
    refuse(found, std::string("'") + mark + "'");
  }
  bool at_end() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return at_ == text_.size();
  }
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n'; }
  static bool is_mark(char c) { return c == ',' || c == '(' || c == ')'; }

  [[noreturn]] void refuse(std::string_view found, const std::string& expected) const {
    const std::string at = "at character " + std::to_string(word_at_ + 1);
    const std::string what = !found.empty()            ? "'" + shortened(found) + "'"
                             : word_at_ < text_.size() ? std::string("'") + text_[word_at_] + "'"
                                                       : "the end";
    throw Error(source_, "found " + what + " " + at + ", expected " + expected);
  }

  std::string_view text_;
  const std::string& source_;
  std::size_t classes_;  // what "dense classes" stands for; 0: unknown
  std::size_t at_ = 0, word_at_ = 0;
  std::size_t repeats_ = 1;
};

// --- To and from JSON

nlohmann::json json_of(const Layers& layers) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& layer : layers) {
    nlohmann::json& entry = list.emplace_back(nlohmann::json{{"layer", layer->name()}});
    for (const Field& field : layer->fields()) {
      if (field.style == Field::flag) {
        entry[field.name] = *std::get<bool*>(field.value);
      } else if (field.style == Field::word) {
        entry[field.name] = field.words[*std::get<std::size_t*>(field.value)];
      } else if (const auto* size = std::get_if<std::size_t*>(&field.value)) {
        entry[field.name] = **size;
      } else {
        entry[field.name] = *std::get<double*>(field.value);
      }
    }
    if (layer->inner()) entry["layers"] = json_of(*layer->inner());
  }
  return list;
}

class JsonReader {
 public:
  explicit JsonReader(const std::string& source) : source_(source) {}

  Shape input(const nlohmann::json& json) {
    check_keys(json, "network", {"input", "layers"});
    const nlohmann::json& list = json["input"];
    const auto is_size = [](const nlohmann::json& n, std::size_t most) {
      return n.is_number_unsigned() && n.get<std::uint64_t>() >= 1 && n.get<std::uint64_t>() <= most;
    };
    if (list.is_array() && list.size() == 1 && is_size(list[0], kMaxPixels))
      return {list[0].get<std::size_t>()};
    if (list.is_array() && list.size() == 2 && is_size(list[0], kMaxImageSide) &&
        is_size(list[1], kMaxImageSide)) {
      return {list[0].get<std::size_t>(), list[1].get<std::size_t>(), 1};
    }
    refuse("network", "\"input\": " + json_in_brief(list),
           "[pixels], at most " + std::to_string(kMaxPixels) + ", or [rows, columns], at most " +
               std::to_string(kMaxImageSide) + " each");
  }

  Layers layers(const nlohmann::json& list, std::size_t depth) {
    if (depth > kMaxNesting)
      refuse("network", "deeper layers", "at most " + std::to_string(kMaxNesting) + " deep");
    if (!list.is_array() || list.empty() || list.size() > kMaxLayers) {
      refuse("network", "\"layers\": " + json_in_brief(list), "a list of 1 to " + std::to_string(kMaxLayers));
    }
    Layers layers;
    for (const nlohmann::json& entry : list) layers.push_back(layer(entry, depth));
    return layers;
  }

 private:
  std::unique_ptr<Layer> layer(const nlohmann::json& entry, std::size_t depth) {
    const auto name = entry.is_object() ? entry.find("layer") : entry.end();
    if (!entry.is_object() || name == entry.end() || !name->is_string()) {
      refuse("network", json_in_brief(entry), "an object with \"layer\": its name");
    }
    std::unique_ptr<Layer> layer = make_layer(name->get_ref<const std::string&>());
    if (!layer) refuse("network", "\"layer\": " + json_in_brief(*name), "one of " + layer_names());
    std::vector<const char*> keys{"layer"};
    for (const Field& field : layer->fields()) keys.push_back(field.name);
    if (layer->inner()) keys.push_back("layers");
    check_keys(entry, layer->name(), keys);
    for (const Field& field : layer->fields()) {
      const nlohmann::json& value = entry[field.name];
      if (!set(field, value)) {
        refuse(layer->name(), std::string("\"") + field.name + "\": " + json_in_brief(value),
               range_of(field));
      }
    }
    if (layer->inner()) *layer->inner() = layers(entry["layers"], depth + 1);
    return layer;
  }

  static bool set(const Field& field, const nlohmann::json& value) {
    if (field.style == Field::flag) {
      if (value.is_boolean()) *std::get<bool*>(field.value) = value.get<bool>();
      return value.is_boolean();
    }
    if (field.style == Field::word)
      return value.is_string() && set_word(field, value.get_ref<const std::string&>());
    const bool is_kind =
        std::holds_alternative<double*>(field.value) ? value.is_number() : value.is_number_unsigned();
    return is_kind && set_number(field, value.get<double>());
  }

  // Every key has to be there, and no other.
  void check_keys(const nlohmann::json& object, const std::string& what,
                  const std::vector<const char*>& keys) {
    const std::string expected = join(keys, ", ");
    if (!object.is_object()) refuse(what, json_in_brief(object), "an object with " + expected);
    for (const auto& [key, value] : object.items()) {
      if (std::ranges::find(keys, key) == keys.end())
        refuse(what, "\"" + shortened(key) + "\"", "only " + expected);
    }
    for (const char* key : keys) {
      if (!object.contains(key)) refuse(what, "no \"" + std::string(key) + "\"", expected);
    }
  }

  [[noreturn]] void refuse(const std::string& what, const std::string& found, const std::string& expected) {
    throw Error(source_, what + " has " + found + ", expected " + expected);
  }

  const std::string& source_;
};

NetworkBuilder build_of(const Shape& input, Layers layers, const std::string& source) {
  NetworkBuilder builder(input, source);
  for (auto& layer : layers) std::move(builder).add(std::move(layer));
  return builder;
}

}  // namespace

std::string Network::text() const {
  return text_of(chain_.layers());
}

nlohmann::json Network::json() const {
  nlohmann::json input = {pixels()};
  if (input_.is_image()) input = {input_.height(), input_.width()};
  return {{"input", input}, {"layers", json_of(chain_.layers())}};
}

NetworkBuilder parse_network(const std::string& text, const Shape& input, const std::string& source,
                             std::size_t classes) {
  return build_of(input, Parser(text, source, classes).whole(), source);
}

NetworkBuilder network_of_json(const nlohmann::json& json, const std::string& source) {
  JsonReader reader(source);
  const Shape input = reader.input(json);
  return build_of(input, reader.layers(json["layers"], 0), source);
}

// A line for each layer; those inside of another one stand below it, further to the right.
std::string Network::table() const {
  char line[160];
  const auto row = [&](const std::string& layer, const std::string& makes, const std::string& parameters,
                       const std::string& mflop) {
    std::snprintf(line, sizeof line, "%-28s %-16s %10s %9s\n", layer.c_str(), makes.c_str(),
                  parameters.c_str(), mflop.c_str());
    return std::string(line);
  };
  const auto million = [&](double flop) {
    std::snprintf(line, sizeof line, "%.3f", flop / 1e6);
    return std::string(line);
  };
  std::string text = row("layer", "makes", "parameters", "MFLOP") + row("input", input_.text(), "", "");
  const std::function<void(const Layers&, Shape, const std::string&)> rows =
      [&](const Layers& layers, Shape shape, const std::string& indent) {
        for (const auto& layer : layers) {
          const Shape in = shape;
          shape = layer->output(in);
          std::size_t parameters = 0;
          for (const Tensor* t : layer->tensors()) parameters += t->elements();
          if (layer->inner()) {
            text += row(indent + layer->name(), shape.text(), "", "");
            rows(*layer->inner(), in, indent + "  ");
          } else {
            text += row(indent + text_of(*layer), shape.text(), std::to_string(parameters),
                        million(layer->flop()));
          }
        }
      };
  rows(chain_.layers(), input_, "");
  double flop = 0;
  for (const auto& layer : chain_.layers()) flop += layer->flop();
  return text + row("all, MFLOP forward an image", "", std::to_string(this->parameters()), million(flop));
}

Network Network::clone() const {
  Network copy = network_of_json(json(), "network").build();
  const std::vector<Tensor*> from = state(), to = copy.state();
  for (std::size_t i = 0; i < from.size(); ++i) to[i]->value = from[i]->value;
  copy.seed_ = seed_;
  copy.use_fusions(uses_fusions_);
  return copy;
}

}  // namespace nn
