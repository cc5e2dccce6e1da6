// The frame of every program's main: parses, runs, and turns an exception into one line and an exit status.
#pragma once

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "nn/cli/nearest.hpp"
#include "nn/core/error.hpp"
#include "nn/core/instruction_set.hpp"
#include "nn/core/text.hpp"

namespace nn::cli {

inline constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2, kInterrupted = 130;

inline int complain(const std::string& program, const std::string& message, int status) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s: error: %s\n", program.c_str(), one_line(message).c_str());
  return status;
}

// `status`, unless anything printed since the start could not be written.
inline int with_output_written(const std::string& program, int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  return complain(program, "standard output: writing failed, expected a place for all that is printed",
                  kFailed);
}

// What is told of a word that is neither an option nor one's value: "train", or the 64 of --hidden 256 64.
inline std::string unexpected_word(const std::string& word, const CLI::App& app) {
  std::string commands;
  if (app.get_subcommands().empty()) {
    for (const CLI::App* command : app.get_subcommands({})) commands += ", " + command->get_name();
  }
  return shortened(word) + ": unexpected word, expected an option (--help lists them)" +
         (commands.empty() ? "" : ", or first of all one of" + commands.substr(1)) +
         "; commas separate the items of a list";
}

// Parses the command line, then calls body(), whose result is the exit status. Returns main's result: 0 done,
// 1 failed, 2 wrong usage, 130 interrupted. NN_INSTRUCTION_SET=SSE4 makes the kernels use SSE4, to compare.
template <class Body>
int run(CLI::App& app, int argc, char** argv, Body body) {
  const std::string program = app.get_name();
  std::signal(SIGXFSZ, SIG_IGN);  // a file larger than ulimit -f allows: writing fails, and that is told
  try {
    if (const char* const name = std::getenv("NN_INSTRUCTION_SET")) use_instruction_set(name);
    app.parse(argc, argv);
    return with_output_written(program, body());
  } catch (const CLI::Success& help_or_version) {
    return with_output_written(program, app.exit(help_or_version));
  } catch (const CLI::ExtrasError&) {
    const std::vector<CLI::App*> commands = app.get_subcommands();  // that were given: one at most
    const CLI::App& command = commands.empty() ? app : *commands.front();
    std::vector<std::string> names;
    for (const CLI::Option* option : command.get_options()) names.push_back(option->get_name());
    for (const CLI::App* other : command.get_subcommands({})) names.push_back(other->get_name());
    const std::string unknown = command.remaining().front();
    if (!unknown.starts_with("-")) return complain(program, unexpected_word(unknown, app), kWrongUsage);
    return complain(program,
                    shortened(unknown) +
                        ": unknown option, expected one of those that --help lists; the nearest is " +
                        nearest(unknown.substr(0, unknown.find('=')), names),
                    kWrongUsage);
  } catch (const CLI::ParseError& error) {
    return complain(program, error.what(), kWrongUsage);
  } catch (const Error& error) {
    return complain(program, error.what(), kFailed);
  } catch (const std::bad_alloc&) {
    return complain(program, "memory: the system has none left for this", kFailed);
  } catch (const std::exception& error) {
    return complain(program, error.what(), kFailed);
  }
}

}  // namespace nn::cli
