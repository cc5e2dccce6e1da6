// What the MNIST programs can do beside training: PROGRAM predict, PROGRAM evaluate, PROGRAM augment.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <optional>
#include <string>

#include "nn/cli/augment_command.hpp"
#include "nn/cli/evaluate_command.hpp"
#include "nn/cli/predict_command.hpp"

namespace nn::cli {

class Commands {
 public:
  // Adds the subcommands to `app`, which has to outlive this. `threads`: their default.
  Commands(CLI::App& app, std::size_t threads)
      : app_(app), predict_(app, threads), evaluate_(app, threads), augment_(app) {
    app.require_subcommand(0, 1);  // what follows a subcommand is its own, also a picture named "evaluate"
  }
  Commands(const Commands&) = delete;  // options refer to members
  Commands& operator=(const Commands&) = delete;

  // Runs the subcommand that was given, if there is one, and returns its exit status. `executable`: argv[0].
  // Throws CLI::ParseError if training's options came before it.
  std::optional<int> run(const std::string& executable) {
    if (app_.get_subcommands().empty()) return std::nullopt;
    const CLI::App* const command = app_.get_subcommands().front();
    for (const CLI::Option* option : app_.get_options()) {
      if (option->count() == 0) continue;
      throw CLI::ValidationError(option->get_name(), "found before " + command->get_name() +
                                                         ", expected options of " + command->get_name() +
                                                         ", after it; --help lists them");
    }
    if (command == &predict_.app()) return predict_.run();
    if (command == &evaluate_.app()) return evaluate_.run(executable);
    return augment_.run(executable);
  }

 private:
  CLI::App& app_;
  PredictCommand predict_;
  EvaluateCommand evaluate_;
  AugmentCommand augment_;
};

}  // namespace nn::cli
