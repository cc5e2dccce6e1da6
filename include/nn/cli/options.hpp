// Command lines: CLI11 does the parsing, this gives every program the same words, ranges and messages.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <locale>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "nn/cli/version.hpp"
#include "nn/core/available_cpus.hpp"

namespace nn::cli {

namespace detail {
template <class T>
std::string to_text(T value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

// The number that the whole of `text` is, in base ten.
template <class T>
std::optional<T> parse(const std::string& text) {
  T value{};
  if constexpr (std::is_floating_point_v<T>) {
    std::istringstream in(text);  // std::from_chars for floating point is not everywhere yet
    in.imbue(std::locale::classic());
    if (!(in >> value) || !in.eof()) return std::nullopt;
  } else {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  }
  return value;
}

// Whether it is one in [lo, hi]; NaN is in no range.
template <class T>
bool parses_in_range(const std::string& text, T lo, T hi) {
  const std::optional<T> value = parse<T>(text);
  return value && *value >= lo && *value <= hi;
}
}  // namespace detail

// The options added from here on stand under this heading in the help.
inline void begin_group(CLI::App& app, const std::string& heading) {
  app.option_defaults()->group(heading);
}

// Adds `--name`, a number in [lo, hi]. Its range and default stand in the help; outside it is refused.
template <class T>
CLI::Option* add_number(CLI::App& app, const std::string& name, T& value, const std::string& what, T lo,
                        T hi) {
  const std::string kind = std::is_floating_point_v<T> ? "a number" : "a whole number";
  const std::string range = kind + " from " + detail::to_text(lo) + " to " + detail::to_text(hi);
  CLI::Option* option = app.add_option_function<std::string>(
                               name, [&value](const std::string& text) { value = *detail::parse<T>(text); },
                               what + ": " + range)
                            ->default_str(detail::to_text(value));
  option->type_name(std::is_floating_point_v<T> ? "X" : "N");
  option->check([=](const std::string& text) {
    return detail::parses_in_range(text, lo, hi) ? std::string() : "found '" + text + "', expected " + range;
  });
  return option;
}

// Adds `--name`, one of a few words, each standing for a value.
template <class T>
CLI::Option* add_choice(CLI::App& app, const std::string& name, T& value, const std::string& what,
                        const std::vector<std::pair<std::string, T>>& choices) {
  std::string words, standard;
  for (const auto& [word, meaning] : choices) {
    words += (words.empty() ? "" : ", ") + word;
    if (meaning == value) standard = word;
  }
  const auto find = [choices](const std::string& text) -> std::optional<T> {
    for (const auto& [word, meaning] : choices) {
      if (word == text) return meaning;
    }
    return std::nullopt;
  };
  return app
      .add_option_function<std::string>(
          name, [&value, find](const std::string& text) { value = *find(text); }, what + ": one of " + words)
      ->default_str(standard)
      ->type_name("WORD")
      ->check([=](const std::string& text) {
        return find(text) ? std::string() : "found '" + text + "', expected one of " + words;
      });
}

// Adds `--name`, a path. '', as a shell makes of a variable that is not set, is refused: not given would be
// something else.
inline CLI::Option* add_text(CLI::App& app, const std::string& name, std::string& value,
                             const std::string& what) {
  return app.add_option(name, value, what)
      ->capture_default_str()
      ->type_name("PATH")
      ->check([](const std::string& text) {
        return text.empty() ? std::string("found '', expected a path") : std::string();
      });
}

// Adds `--name`, the path of a log to write, '' for none.
inline CLI::Option* add_log(CLI::App& app, const std::string& name, std::string& value,
                            const std::string& lines) {
  const std::string what = "log file to write, " + lines + (value.empty() ? " [none]" : ", '' for none");
  return app.add_option(name, value, what)->capture_default_str()->type_name("PATH");
}

// --seed: a number, or "random" for one of the system's choice.
inline void add_seed(CLI::App& app, std::uint64_t& seed) {
  const std::string what = "seed of every random choice: a whole number from 0 to 2^64 - 1, or 'random'";
  app.add_option_function<std::string>(
         "--seed",
         [&seed](const std::string& text) {
           if (text == "random") {
             std::random_device device;
             const std::uint64_t upper = device(), lower = device();
             seed = upper << 32 | lower;
           } else {
             seed = std::stoull(text);
           }
         },
         what)
      ->default_str(std::to_string(seed))
      ->type_name("N")
      ->check([](const std::string& text) {
        constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
        const bool good = text == "random" || detail::parses_in_range<std::uint64_t>(text, 0, largest);
        return good ? std::string()
                    : "found '" + text + "', expected a whole number from 0 to 2^64 - 1, or 'random'";
      });
}

inline void add_threads(CLI::App& app, std::size_t& threads) {
  threads = available_cpus();
  add_number<std::size_t>(app, "--threads", threads, "threads; the result does not depend on it", 1, 256);
}

// The lines of --help, which versions of CLI11 would each lay out differently:
//   --lr X=0.01               learning rate: a number from 1e-12 to 1e+06
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(28); }

  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string line = "  " + option->get_name(is_positional, !is_positional);
    if (!option->get_type_name().empty()) line += " " + option->get_type_name();
    if (!option->get_default_str().empty()) line += "=" + option->get_default_str();
    if (option->get_expected_max() > 1) line += " ...";
    if (option->get_required()) line += " REQUIRED";
    const std::size_t column = get_column_width();
    line += line.size() < column ? std::string(column - line.size(), ' ') : "\n" + std::string(column, ' ');
    line += option->get_description();
    for (const CLI::Option* other : option->get_excludes()) line += "; not with " + other->get_name();
    return line + "\n";
  }
};

// --help and --version; of an option given twice the last one counts.
inline void add_standard_options(CLI::App& app) {
  const std::string name = app.get_name();
  app.set_version_flag(
      "--version", [name] { return version_text(name); },
      "print the version, the compiler, the instruction set and OpenBLAS's kernels, and exit");
  app.set_help_flag("-h,--help", "print this help and exit");
  app.formatter(std::make_shared<HelpFormatter>());
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

}  // namespace nn::cli
