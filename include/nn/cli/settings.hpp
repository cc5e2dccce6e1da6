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
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/cli/nearest.hpp"
#include "nn/core/error.hpp"
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
  return text;
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
// name that no option has and for a value that its option refuses.
inline void apply_settings(CLI::App& app, const Settings& settings, const std::string& source) {
  const Settings in_force = settings_of(app);
  std::vector<std::string> names;
  for (const auto& [name, value] : in_force.items()) names.push_back(name);
  for (const auto& [name, value] : settings.items()) {
    if (std::ranges::find(names, name) == names.end()) {
      throw Error(source, "found the setting \"" + name + "\", expected an option of " + app.get_name() +
                              "; the nearest is \"" + nearest(name, names) + "\"");
    }
    if (value.is_structured() || value.is_null()) {
      throw Error(source, name + ": found " + value.dump() + ", expected a number, a word, true or false");
    }
    CLI::Option* option = app.get_option("--" + name);
    const auto is_given = [](const CLI::Option* o) { return o->count() > 0; };
    const bool is_unset = value == "" && option->get_default_str().empty();
    if (is_given(option) || is_unset || std::ranges::any_of(option->get_excludes(), is_given)) continue;
    const bool is_flag = option->get_expected_max() == 0;
    if (is_flag != value.is_boolean()) {
      throw Error(source, name + ": found " + value.dump() + ", expected " +
                              (is_flag ? "true or false" : "a number or a word"));
    }
    try {
      option->add_result(value.is_string() ? value.get<std::string>() : value.dump());
      option->run_callback();
    } catch (const CLI::Error& error) {
      throw Error(source, error.what());
    }
  }
}

// Throws Error if the file is not a JSON object.
inline Settings read_settings(const std::string& path) {
  const Bytes bytes = read_file(path);
  try {
    Settings settings = Settings::parse(bytes.data(), bytes.data() + bytes.size());
    if (settings.is_object()) return settings;
    throw Error(path, "holds " + std::string(settings.type_name()) + ", expected an object with settings");
  } catch (const nlohmann::json::parse_error& error) {
    throw Error(path,
                "is no JSON at byte " + std::to_string(error.byte) + ", expected an object with settings");
  }
}

}  // namespace nn::cli
