// Command lines: the same words, ranges and messages in every program.
//
// CLI11 does the parsing. Only options.cpp and settings.cpp see it, as it takes seconds to compile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nn/core/text.hpp"

namespace CLI {
class App;
}

namespace nn::cli {

inline constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2, kInterrupted = 130;  // exit statuses

// "PROGRAM: error: MESSAGE" on standard error. Returns `status`.
int complain(const std::string& program, const std::string& message, int status);

// Ends run() with exit status 2 and "OPTION: FOUND_AND_EXPECTED".
[[noreturn]] void wrong_usage(const std::string& option, const std::string& found_and_expected);

// "found 'TEXT', expected EXPECTED"
std::string refusal(const std::string& text, const std::string& expected);

// The options of a program or of a subcommand. They keep references to the values that they set.
class Options {
 public:
  // With --help and --version; of an option given twice the last one counts.
  Options(const std::string& name, const std::string& description);
  Options(const Options&) = delete;
  Options& operator=(const Options&) = delete;

  // Parses the command line, then calls body(), whose result is the exit status, or the subcommand that was
  // given. Returns main's result; an exception becomes one line on standard error. NN_INSTRUCTION_SET=SSE4
  // makes the kernels use SSE4, to compare.
  int run(int argc, char** argv, const std::function<int()>& body);

  // A subcommand, with options of its own and what it does.
  Options& command(const std::string& name, const std::string& description);
  void runs(std::function<int()> action) { action_ = std::move(action); }

  // Those added from here on stand under this heading in the help.
  void group(const std::string& heading);

  // Each adds an option. `what` and its range or words stand in the help with the value that it has now, its
  // default; anything else is refused.

  // Numbers in [lo, hi].
  void number(const std::string& name, std::size_t& value, const std::string& what, std::size_t lo,
              std::size_t hi);
  void number(const std::string& name, double& value, const std::string& what, double lo, double hi);
  // Up to `most` numbers in [1, hi] with commas between them, or "none".
  void numbers(const std::string& name, std::vector<std::size_t>& values, const std::string& what,
               std::size_t most, std::size_t hi);
  void flag(const std::string& name, bool& value, const std::string& what);
  // Any text, or path, but "", as a shell makes of a variable that is not set: not given would be something
  // else.
  void text(const std::string& name, std::string& value, const std::string& what);
  void path(const std::string& name, std::string& value, const std::string& what);
  // The path of a log to write, '' for none.
  void log(const std::string& name, std::string& value, const std::string& lines);
  // --seed: a number, or "random" for one of the system's choice.
  void seed(std::uint64_t& seed);
  // --threads, as many as processors unless it is given.
  void threads(std::size_t& threads);
  // What has to be given, without a name in front: MODEL, or one or more IMAGE.
  void argument(const std::string& name, std::string& value, const std::string& what);
  void arguments(const std::string& name, std::vector<std::string>& values, const std::string& what);
  // One of a few words, each standing for a value.
  template <class T>
  void choice(const std::string& name, T& value, const std::string& what,
              const std::vector<std::pair<std::string, T>>& choices);
  // The same, each standing for itself.
  void word(const std::string& name, std::string& value, const std::string& what,
            const std::vector<std::string>& words);

  // Any other. take(text) returns what is wrong with it, "" if nothing; `kind` is N, a whole number, X, a
  // number, WORD, LIST, TEXT or PATH.
  void add(const std::string& name, const char* kind, const std::string& standard, const std::string& what,
           const std::function<std::string(const std::string& text)>& take);

  void require(const std::string& option);
  void exclude(const std::string& one, const std::string& other);  // not both may be given

  std::string name() const;
  bool is_given(const std::string& option) const;
  std::string default_of(const std::string& option) const;

  CLI::App& app() const { return *app_; }

 private:
  Options() = default;
  int run_given(const std::function<int()>& body) const;

  std::shared_ptr<CLI::App> app_;
  std::vector<std::unique_ptr<Options>> commands_;
  std::function<int()> action_;
};

template <class T>
void Options::choice(const std::string& name, T& value, const std::string& what,
                     const std::vector<std::pair<std::string, T>>& choices) {
  using Choice = std::pair<std::string, T>;
  std::string standard;
  for (const auto& [word, meaning] : choices) {
    if (meaning == value) standard = word;
  }
  const std::string expected = "one of " + join(choices, ", ", &Choice::first);
  add(name, "WORD", standard, what + ": " + expected, [=, &value](const std::string& text) {
    for (const auto& [word, meaning] : choices) {
      if (word == text) return value = meaning, std::string();
    }
    return refusal(text, expected);
  });
}

// --- The files that options name

struct NamedFile {
  std::string option, path;  // "" for none
};

// The one absolute path of a file, which need not exist: no links in it, no "..". Two names of one file, hard
// links, are two files here, as replacing the one leaves the other.
std::string real_path(const std::string& path);

// Throws Error if a file that is written is one that is read, or another one that is written. A device or a
// pipe may serve twice.
void check_apart(const std::vector<NamedFile>& read, const std::vector<NamedFile>& written);

// The Error for a file that `other_option` uses, too.
[[noreturn]] void refuse_shared(const NamedFile& file, const std::string& other_option);

// --- Mistyped names

// How many letters have to be put in, left out or changed to make `b` of `a` (Levenshtein, 1966).
std::size_t edit_distance(std::string_view a, std::string_view b);

// What a user who typed `name` probably meant; `names` must not be empty, and of equally near ones it is the
// first.
const std::string& nearest(std::string_view name, const std::vector<std::string>& names);

}  // namespace nn::cli
