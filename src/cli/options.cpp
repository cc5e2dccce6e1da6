#include "cli/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <limits>
#include <locale>
#include <map>
#include <new>
#include <numeric>
#include <optional>
#include <random>
#include <sstream>
#include <system_error>
#include <type_traits>

#include "cli/processes.hpp"
#include "nn/core/available_cpus.hpp"
#include "nn/core/error.hpp"
#include "nn/core/instruction_set.hpp"
#include "nn/core/matmul.hpp"
#include "nn/data/jpeg.hpp"
#include "nn/files/atomic_file.hpp"

namespace nn::cli {

namespace {

constexpr const char* kVersion = "1.0.0";

// What --version prints: all that a bug report needs to know of the program and the machine.
std::string version_text(const std::string& program) {
#if defined(__clang__)
  const std::string compiler = "Clang " __clang_version__;
#else
  const std::string compiler = "GCC " __VERSION__;
#endif
  std::string blas;
  try {
    const BlasInfo info = blas_info();
    blas = info.version + ", kernels for " + info.core;
  } catch (const Error& error) {
    blas = error.what();
  }
  return program + " " + kVersion + "\ncompiler: " + compiler + "\ninstruction set: " + instruction_set() +
         " (of " + join(instruction_sets(), ", ") + ")\nOpenBLAS: " + blas +
         "\npictures: libpng " PNG_LIBPNG_VER_STRING ", " + jpeg_version() + "\nMPI: " + mpi_version();
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
    std::vector<std::string> others;
    for (const CLI::Option* other : option->get_excludes()) others.push_back(other->get_name());
    std::ranges::sort(others);  // CLI11 has them by address
    if (!others.empty()) line += "; not with " + join(others, ", ");
    return line + "\n";
  }
};

// `status`, unless anything printed since the start could not be written.
int with_output_written(const std::string& program, int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  return complain(program, "standard output: writing failed, expected a place for all that is printed",
                  kFailed);
}

// What is told of a word that is neither an option nor one's value: "--epocs", "train", or the 64 of --hidden
// 256 64.
std::string unexpected(const std::string& word, const CLI::App& app) {
  const std::vector<const CLI::App*> all = app.get_subcommands({});
  const auto name_of = [](const CLI::App* command) { return command->get_name(); };
  const auto given = std::ranges::find_if(all, [](const CLI::App* command) { return command->parsed(); });
  if (word.starts_with("-")) {
    const CLI::App& command = given == all.end() ? app : **given;
    std::vector<std::string> names;
    for (const CLI::App* other : command.get_subcommands({})) names.push_back(other->get_name());
    for (const CLI::Option* option : command.get_options()) names.push_back(option->get_name());
    return shortened(word) + ": unknown option, expected one of those that --help lists; the nearest is " +
           nearest(word.substr(0, word.find('=')), names);
  }
  const bool may_be_command = given == all.end() && !all.empty();
  return shortened(word) + ": unexpected word, expected an option (--help lists them)" +
         (may_be_command ? ", or first of all one of " + join(all, ", ", name_of) : "") +
         "; commas separate the items of a list";
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

template <class T>
std::string to_text(T value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

std::optional<std::vector<std::size_t>> parse_numbers(const std::string& text, std::size_t most,
                                                      std::size_t hi) {
  std::vector<std::size_t> numbers;
  if (text == "none") return numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto number = parse<std::size_t>(text.substr(begin, end - begin));
    if (!number || *number < 1 || *number > hi || numbers.size() == most) return std::nullopt;
    numbers.push_back(*number);
    begin = end + 1;
  }
  return numbers;
}

template <class T>
void add_number(Options& options, const std::string& name, T& value, const std::string& what, T lo, T hi) {
  constexpr bool is_whole = std::is_integral_v<T>;
  const std::string range =
      (is_whole ? "a whole number from " : "a number from ") + to_text(lo) + " to " + to_text(hi);
  options.add(name, is_whole ? "N" : "X", to_text(value), what + ": " + range,
              [=, &value](const std::string& text) {
                const std::optional<T> number = parse<T>(text);
                if (!number || !(*number >= lo && *number <= hi)) return refusal(text, range);
                return value = *number, std::string();
              });
}

void add_text(Options& options, const std::string& name, const char* kind, std::string& value,
              const std::string& what, const char* expected) {
  options.add(name, kind, value, what, [&value, expected](const std::string& text) {
    if (text.empty()) return refusal(text, expected);
    return value = text, std::string();
  });
}

}  // namespace

int complain(const std::string& program, const std::string& message, int status) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s: error: %s\n", program.c_str(), one_line(message).c_str());
  return status;
}

void wrong_usage(const std::string& option, const std::string& found_and_expected) {
  throw CLI::ValidationError(option, found_and_expected);
}

std::string refusal(const std::string& text, const std::string& expected) {
  return "found '" + text + "', expected " + expected;
}

Options::Options(const std::string& name, const std::string& description)
    : app_(std::make_shared<CLI::App>(description, name)) {
  app_->set_version_flag(
      "--version", [name] { return version_text(name); },
      "print the version, the compiler, the instruction set and OpenBLAS's kernels, and exit");
  app_->set_help_flag("-h,--help", "print this help and exit");
  app_->formatter(std::make_shared<HelpFormatter>());
  app_->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app_->require_subcommand(0, 1);  // what follows a subcommand is its own, also a picture named "evaluate"
}

int Options::run(int argc, char** argv, const std::function<int()>& body) {
  const std::string program = name();
  std::signal(SIGXFSZ, SIG_IGN);  // a file larger than ulimit -f allows: writing fails, and that is told
  try {
    if (const char* const set = std::getenv("NN_INSTRUCTION_SET")) use_instruction_set(set);
    app_->parse(argc, argv);
    return with_output_written(program, run_given(body));
  } catch (const CLI::Success& help_or_version) {
    return with_output_written(program, app_->exit(help_or_version));
  } catch (const CLI::ExtrasError&) {
    return complain_once(program, unexpected(app_->remaining(true).front(), *app_), kWrongUsage);
  } catch (const CLI::ExcludesError& error) {  // "--hidden excludes --layers"
    std::string said = error.what();
    said.replace(said.find(" excludes "), 10, ": found with ");
    return complain_once(program, said + ", expected one of the two", kWrongUsage);
  } catch (const CLI::ParseError& error) {
    return complain_once(program, error.what(), kWrongUsage);
  } catch (const OtherFailed&) {
    return kFailed;
  } catch (const std::bad_alloc&) {
    return complain_once(program, "memory: the system has none left for this", kFailed);
  } catch (const std::exception& error) {
    return complain_once(program, error.what(), kFailed);
  }
}

// Of what the command line says.
int Options::run_given(const std::function<int()>& body) const {
  for (const auto& command : commands_) {
    if (!command->app_->parsed()) continue;
    for (const CLI::Option* option : app_->get_options()) {
      if (option->count() == 0) continue;
      wrong_usage(option->get_name(), "found before " + command->name() + ", expected options of " +
                                          command->name() + ", after it; --help lists them");
    }
    return command->action_();
  }
  return body();
}

Options& Options::command(const std::string& name, const std::string& description) {
  std::unique_ptr<Options> command(new Options);
  command->app_ =
      std::shared_ptr<CLI::App>(app_, app_->add_subcommand(name, description));  // lives with this
  return *commands_.emplace_back(std::move(command));
}

void Options::group(const std::string& heading) {
  app_->option_defaults()->group(heading);
}

void Options::add(const std::string& name, const char* kind, const std::string& standard,
                  const std::string& what, const std::function<std::string(const std::string& text)>& take) {
  const auto check = [name, take](const std::string& text) {
    if (const std::string wrong = take(text); !wrong.empty()) wrong_usage(name, wrong);
  };
  app_->add_option_function<std::string>(name, check, what)->default_str(standard)->type_name(kind);
}

void Options::number(const std::string& name, std::size_t& value, const std::string& what, std::size_t lo,
                     std::size_t hi) {
  add_number(*this, name, value, what, lo, hi);
}

void Options::number(const std::string& name, double& value, const std::string& what, double lo, double hi) {
  add_number(*this, name, value, what, lo, hi);
}

void Options::numbers(const std::string& name, std::vector<std::size_t>& values, const std::string& what,
                      std::size_t most, std::size_t hi) {
  const std::string expected = "none, or 1 to " + to_text(most) + " whole numbers from 1 to " + to_text(hi) +
                               " with commas between them";
  add(name, "LIST", join(values, ","), what + ": " + expected, [=, &values](const std::string& text) {
    const auto found = parse_numbers(text, most, hi);
    if (!found) return refusal(text, expected);
    return values = *found, std::string();
  });
}

void Options::flag(const std::string& name, bool& value, const std::string& what) {
  app_->add_flag(name, value, what);
}

void Options::text(const std::string& name, std::string& value, const std::string& what) {
  add_text(*this, name, "TEXT", value, what, "a text");
}

void Options::path(const std::string& name, std::string& value, const std::string& what) {
  add_text(*this, name, "PATH", value, what, "a path");
}

void Options::log(const std::string& name, std::string& value, const std::string& lines) {
  const std::string what = "log file to write, " + lines + (value.empty() ? " [none]" : ", '' for none");
  add(name, "PATH", value, what, [&value](const std::string& text) { return value = text, std::string(); });
}

void Options::seed(std::uint64_t& seed) {
  const std::string expected = "a whole number from 0 to 2^64 - 1, or 'random'";
  add("--seed", "N", to_text(seed), "seed of every random choice: " + expected,
      [=, &seed](const std::string& text) {
        std::optional<std::uint64_t> found = parse<std::uint64_t>(text);
        if (text == "random") {
          std::random_device device;
          const std::uint64_t upper = device(), lower = device();
          found = upper << 32 | lower;
        }
        if (!found) return refusal(text, expected);
        return seed = *found, std::string();
      });
}

void Options::threads(std::size_t& threads) {
  threads = std::max<std::size_t>(1, available_cpus() / processes_here());
  number("--threads", threads, "threads; the result does not depend on it", 1, 256);
}

void Options::argument(const std::string& name, std::string& value, const std::string& what) {
  add_text(*this, name, "", value, what, "a path");
  require(name);
}

void Options::arguments(const std::string& name, std::vector<std::string>& values, const std::string& what) {
  const auto check = [](const std::string& text) { return text.empty() ? refusal(text, "a path") : ""; };
  app_->add_option(name, values, what)->required()->take_all()->type_name("")->check(check);
}

void Options::word(const std::string& name, std::string& value, const std::string& what,
                   const std::vector<std::string>& words) {
  std::vector<std::pair<std::string, std::string>> choices;
  for (const std::string& word : words) choices.emplace_back(word, word);
  choice(name, value, what, choices);
}

void Options::require(const std::string& option) {
  app_->get_option(option)->required();
}

void Options::exclude(const std::string& one, const std::string& other) {
  app_->get_option(one)->excludes(app_->get_option(other));
}

std::string Options::name() const {
  return app_->get_name();
}

bool Options::is_given(const std::string& option) const {
  return app_->count(option) > 0;
}

std::string Options::default_of(const std::string& option) const {
  return app_->get_option(option)->get_default_str();
}

std::string real_path(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  const std::filesystem::path real = std::filesystem::weakly_canonical(follow_links(absolute), error);
  return error ? absolute.lexically_normal().string() : real.string();
}

void check_apart(const std::vector<NamedFile>& read, const std::vector<NamedFile>& written) {
  std::map<std::string, std::string> options;  // by real path
  for (const NamedFile& file : read) options.try_emplace(real_path(file.path), file.option);
  for (const NamedFile& file : written) {
    std::error_code unknown;
    const std::filesystem::file_status status = std::filesystem::status(file.path, unknown);
    const bool is_special = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
    if (file.path.empty() || is_special) continue;
    const auto [other, is_first] = options.try_emplace(real_path(file.path), file.option);
    if (!is_first) refuse_shared(file, other->second);
  }
}

void refuse_shared(const NamedFile& file, const std::string& other_option) {
  throw Error(file.option, file.path + " is also used by " + other_option + ", expected a path of its own");
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);  // from the first letters of `a` to each start of `b`
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j + 1] + 1, row[j] + 1});
    }
  }
  return row.back();
}

const std::string& nearest(std::string_view name, const std::vector<std::string>& names) {
  return *std::ranges::min_element(names, {},
                                   [&](const std::string& other) { return edit_distance(name, other); });
}

}  // namespace nn::cli
