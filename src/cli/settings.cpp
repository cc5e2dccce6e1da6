#include "cli/settings.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/core/error.hpp"
#include "nn/core/text.hpp"
#include "nn/files/json.hpp"
#include "nn/files/read_file.hpp"

namespace nn::cli {

namespace {

bool is_setting(std::string_view name) {
  constexpr std::array others{"help", "version", "config", "save-config", "resume", "show-network", "preset"};
  return std::ranges::find(others, name) == others.end();
}

bool is_flag(const CLI::Option& option) {
  return option.get_expected_max() == 0;
}

bool was_given(const CLI::Option* option) {
  return option->count() > 0;
}

// Of an option that takes a number, the number, so that 1e-2 and 0.01 are the same setting.
Settings value_of(const CLI::Option& option, const std::string& text) {
  if (is_flag(option)) return text == "true";
  const std::string type = option.get_type_name();
  if (type == "N" || type == "X") {
    const Settings number = parse_json<Settings>(text);
    if (number.is_number()) return number;
  }
  return parse_json<Settings>(json_text(Settings(text)));  // a path may be any bytes, JSON is UTF-8
}

// In force: given, or else the default.
std::string text_of(const CLI::Option& option) {
  return was_given(&option) ? option.results().back() : option.get_default_str();
}

bool is_in_force(const CLI::Option& option) {
  if (was_given(&option) || is_flag(option)) return true;
  return !option.get_default_str().empty() && std::ranges::none_of(option.get_excludes(), was_given);
}

// As a shell takes it for one word.
std::string quoted(const std::string& text) {
  return text.find_first_of(" ()") == text.npos ? text : "\"" + text + "\"";
}

}  // namespace

bool affects_weights(std::string_view name) {
  constexpr std::array others{"threads",         "quiet",     "output",         "log",
                              "log-json",        "log-every", "checkpoint-dir", "checkpoint-every",
                              "checkpoint-keep", "data-dir",  "data",           "class-names",
                              "test-each-epoch", "test-limit"};
  return std::ranges::find(others, name) == others.end();
}

Settings settings_of(const Options& options) {
  Settings settings = Settings::object();
  for (const CLI::Option* option : options.app().get_options()) {
    const std::string name = option->get_single_name();
    if (is_setting(name) && is_in_force(*option)) settings[name] = value_of(*option, text_of(*option));
  }
  return settings;
}

std::string chosen_settings(const Options& options) {
  std::string text;
  for (const CLI::Option* option : options.app().get_options()) {
    const std::string name = option->get_single_name();
    const Settings value = value_of(*option, text_of(*option));
    const bool is_default = value == value_of(*option, option->get_default_str());
    if (!is_setting(name) || !affects_weights(name) || is_default) continue;
    text += " --" + name + (is_flag(*option) ? "" : " " + quoted(option->results().back()));
  }
  return text;
}

void apply_settings(Options& options, const Settings& settings, const std::string& source) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options.app().get_options()) {
    const std::string name = option->get_single_name();
    if (is_setting(name)) names.push_back(name);
  }
  for (const auto& [name, value] : settings.items()) {
    if (std::ranges::find(names, name) == names.end()) {
      const std::string found = shortened(name);
      throw Error(source, "found the setting \"" + found + "\", expected an option of " + options.name() +
                              "; the nearest is \"" + nearest(found, names) + "\"");
    }
    if (value.is_structured() || value.is_null()) {
      throw Error(source,
                  name + ": found " + json_in_brief(value) + ", expected a number, a word, true or false");
    }
    const std::string text = value.is_string() ? value.get<std::string>() : json_text(value);
    CLI::Option& option = *options.app().get_option("--" + name);
    if (is_flag(option) != value.is_boolean() || text.find('\0') != text.npos) {
      throw Error(source, name + ": found " + json_in_brief(value) + ", expected " +
                              (is_flag(option) ? "true or false" : "a number or a word"));
    }
    const bool is_unset = text.empty() && option.get_default_str().empty();
    if (is_unset || std::ranges::any_of(option.get_excludes(), was_given)) continue;
    try {
      const std::vector<std::string> given = option.results();
      option.clear();
      option.add_result(text);
      option.run_callback();  // checks it, even if it does not stay
      if (given.empty()) continue;
      option.clear();
      option.add_result(given);
      option.run_callback();
    } catch (const CLI::Error& error) {
      throw Error(source, error.what());
    }
  }
}

void apply_checkpoint(Options& options, const Safetensors& checkpoint) {
  if (checkpoint.text("training").empty()) {
    throw Error(checkpoint.path(),
                "has no state of a run, expected a checkpoint, as --checkpoint-dir writes");
  }
  if (const std::string program = checkpoint.text("program"); program != options.name()) {
    throw Error(checkpoint.path(), "is a checkpoint of " + program + ", expected one of " + options.name());
  }
  const Settings there = parse_json<Settings>(checkpoint.text("options")), here = settings_of(options);
  if (!there.is_object()) throw Error(checkpoint.path(), "the metadata \"options\" is no JSON object");
  std::vector<std::string> differences;
  for (const auto& [name, value] : there.items()) {
    const bool may_change =
        name == "epochs" || name == "patience" || name == "min-delta" || !affects_weights(name);
    if (may_change || !here.contains(name) || !options.is_given("--" + name) || here[name] == value) continue;
    differences.push_back("--" + name + " " + json_text(value) + " there, " + json_text(here[name]) +
                          " here");
  }
  if (!differences.empty()) {
    throw Error(checkpoint.path(), "is of a run with other options: " + join(differences, "; "));
  }
  apply_settings(options, there, checkpoint.path());
}

Settings read_settings(const std::string& path) {
  const auto refuse = [&](const std::string& found) {
    throw Error(path, found + ", expected an object with settings, each once");
  };
  const Bytes bytes = read_file(path, kLargestText);
  std::string fault;
  const Settings settings =
      parse_json<Settings>({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, kDeepestJson, &fault);
  if (!fault.empty()) refuse(fault);
  if (!settings.is_object()) refuse("holds " + std::string(settings.type_name()));
  return settings;
}

}  // namespace nn::cli
