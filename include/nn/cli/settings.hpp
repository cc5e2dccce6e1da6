// The settings of a run as JSON: one key for each option, named as it is, without the dashes.
//
//   {"epochs": 10, "lr": 0.01, "optimizer": "sgd", "hidden": "256,64", "transpose": false, ...}
//
// --save-config writes them, --config reads them, and models and checkpoints carry those that the result
// depends on.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/cli/nearest.hpp"
#include "nn/core/error.hpp"
#include "nn/core/text.hpp"
#include "nn/files/json.hpp"
#include "nn/files/read_file.hpp"

namespace nn::cli {

using Settings = nlohmann::ordered_json;

namespace detail {
inline bool is_setting(std::string_view name) {
  constexpr std::array about_settings{"help", "version", "config", "save-config", "resume"};
  return std::ranges::find(about_settings, name) == about_settings.end();
}

// Of an option that takes a number, the number, so that 1e-2 and 0.01 are the same setting.
inline Settings setting_value(const CLI::Option& option, const std::string& text) {
  if (option.get_expected_max() == 0) return text == "true";  // a flag
  const std::string type = option.get_type_name();
  if (type == "N" || type == "X") {
    const Settings number = Settings::parse(text, nullptr, false);
    if (number.is_number()) return number;
  }
  return Settings::parse(json_text(Settings(text)));  // a path may be any bytes, JSON is UTF-8
}

// In force: given, or else the default.
inline Settings setting_value(const CLI::Option& option) {
  return setting_value(option, option.count() > 0 ? option.results().back() : option.get_default_str());
}
}  // namespace detail

// Whether a setting has no say in the weights that come out: where things are, what is shown, how fast.
inline bool is_beside_the_result(std::string_view name) {
  constexpr std::array names{"threads",         "quiet",     "output",         "log",
                             "log-json",        "log-every", "checkpoint-dir", "checkpoint-every",
                             "checkpoint-keep", "data-dir",  "data",           "class-names",
                             "test-each-epoch", "test-limit"};
  return std::ranges::find(names, name) != names.end();
}

// The settings in force: what was given, and the defaults of what was not.
inline Settings settings_of(const CLI::App& app) {
  Settings settings = Settings::object();
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_single_name();
    if (detail::is_setting(name)) settings[name] = detail::setting_value(*option);
  }
  return settings;
}

// What the result depends on and is not as by default, as one would type it: " --lr 0.1 --transpose".
inline std::string chosen_settings(const CLI::App& app) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_single_name();
    const Settings value = detail::setting_value(*option);
    const bool is_default = value == detail::setting_value(*option, option->get_default_str());
    if (!detail::is_setting(name) || is_beside_the_result(name) || is_default) continue;
    text += " --" + name + (value.is_boolean() ? "" : " " + option->results().back());
  }
  return text;
}

// Sets every option that was not given before, nor another in its place. Throws Error, naming `source`, for a
// name that no option has and for a value that its option refuses, even if another one was given.
inline void apply_settings(CLI::App& app, const Settings& settings, const std::string& source) {
  const Settings in_force = settings_of(app);
  std::vector<std::string> names;
  for (const auto& [name, value] : in_force.items()) names.push_back(name);
  for (const auto& [name, value] : settings.items()) {
    if (std::ranges::find(names, name) == names.end()) {
      const std::string found = shortened(name);
      throw Error(source, "found the setting \"" + found + "\", expected an option of " + app.get_name() +
                              "; the nearest is \"" + nearest(found, names) + "\"");
    }
    if (value.is_structured() || value.is_null()) {
      throw Error(source,
                  name + ": found " + json_in_brief(value) + ", expected a number, a word, true or false");
    }
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    CLI::Option* option = app.get_option("--" + name);
    const bool is_flag = option->get_expected_max() == 0;
    if (is_flag != value.is_boolean() || text.find('\0') != text.npos) {
      throw Error(source, name + ": found " + json_in_brief(value) + ", expected " +
                              (is_flag ? "true or false" : "a number or a word"));
    }
    const auto is_given = [](const CLI::Option* o) { return o->count() > 0; };
    const bool is_unset = text.empty() && option->get_default_str().empty();
    if (is_unset || std::ranges::any_of(option->get_excludes(), is_given)) continue;
    try {
      const std::vector<std::string> given = option->results();
      option->clear();
      option->add_result(text);
      option->run_callback();  // checks it, even if it does not stay
      if (given.empty()) continue;
      option->clear();
      option->add_result(given);
      option->run_callback();
    } catch (const CLI::Error& error) {
      throw Error(source, error.what());
    }
  }
}

// Throws Error if the file is not a JSON object with each name once.
inline Settings read_settings(const std::string& path) {
  const auto refuse = [&](const std::string& found) {
    throw Error(path, found + ", expected an object with settings, each once");
  };
  std::set<std::string> names;
  const auto check = [&](int depth, Settings::parse_event_t event, const Settings& value) {
    if (depth > kDeepestJson) refuse("is nested too deeply");
    if (depth == 1 && event == Settings::parse_event_t::key && !names.insert(value).second) {
      refuse("has " + json_in_brief(value) + " twice");
    }
    return true;
  };
  const Bytes bytes = read_file(path, kLargestText);
  Settings settings;
  try {
    settings = Settings::parse(bytes.data(), bytes.data() + bytes.size(), check);
  } catch (const nlohmann::json::parse_error& error) {
    refuse("is no JSON at byte " + std::to_string(error.byte));
  } catch (const nlohmann::json::out_of_range&) {
    refuse("holds a number that is too large");
  }
  if (!settings.is_object()) refuse("holds " + std::string(settings.type_name()));
  return settings;
}

}  // namespace nn::cli
