// PROGRAM evaluate MODEL: how good a trained model is, and where it is wrong.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/cli/data_source.hpp"
#include "nn/cli/evaluate_output.hpp"
#include "nn/cli/options.hpp"
#include "nn/cli/run.hpp"
#include "nn/cli/trained_model.hpp"
#include "nn/core/error.hpp"
#include "nn/core/parallel.hpp"
#include "nn/models/input_size.hpp"
#include "nn/training/answers.hpp"

namespace nn::cli {

class EvaluateCommand {
 public:
  // Adds the subcommand to `app`.
  EvaluateCommand(CLI::App& app, std::size_t threads)
      : program_(app.get_name()),
        command_(*app.add_subcommand("evaluate", "measure a trained model on labelled images")),
        threads_(threads) {
    begin_group(command_, "Options");
    add_text(command_, "MODEL", model_path_, "model file, .bin or .safetensors, of any of the programs")
        ->required()
        ->type_name("");
    add_choice<Part>(command_, "--split", part_, "which images",
                     {{"test", Part::test}, {"train", Part::train}});
    data_source_.add_options(command_, {.class_names = true, .train = true, .test = true});
    begin_group(command_, "Options");
    add_number<std::size_t>(command_, "--mistakes", mistakes_, "how many of the most confident ones to list",
                            0, 1'000'000);
    command_.add_flag("--json", json_, "print all of it as one JSON object");
    add_number<std::size_t>(command_, "--threads", threads_, "threads; the result does not depend on it", 1,
                            256);
  }

  const CLI::App& app() const { return command_; }

  int run(const std::string& executable) {
    check_limit();
    AnyModel model = load_trained_model(model_path_, program_);
    const Dataset data = data_source_.load(executable, part_, is_transposed(metadata_of_model(model_path_)));
    check_fits(model, data);
    std::vector<std::string> names =
        class_names_of_model(model_path_, classes_of(model), data_source_.class_names_file());

    ThreadTeam team(threads_);
    const Scorecard card{.model = model_path_,
                         .data = data_source_.place(executable),
                         .split = part_ == Part::test ? "test" : "train",
                         .network = std::visit([](const auto& m) { return network_json(m.shape()); }, model),
                         .class_names = std::move(names),
                         .answers = std::visit([&](auto& m) { return answers(m, data, team); }, model),
                         .mistakes = mistakes_};
    if (!std::isfinite(mean_loss(card.answers))) throw no_number(model_path_);
    std::fputs((json_ ? to_json(card) : to_text(card)).c_str(), stdout);
    return kDone;
  }

 private:
  // Throws CLI::ParseError if the limit that was given is the other split's.
  void check_limit() const {
    const bool tests = part_ == Part::test;
    const std::string limit = tests ? "--test-limit" : "--train-limit";
    const std::string other = tests ? "--train-limit" : "--test-limit";
    if (command_.count(other) == 0) return;
    throw CLI::ValidationError(
        other, std::string("found with --split ") + (tests ? "test" : "train") + ", expected " + limit);
  }

  // Throws Error if the model does not take images of this size or does not know the classes.
  void check_fits(const AnyModel& model, const Dataset& data) const {
    const std::size_t rows = data.images.rows, cols = data.images.cols, classes = classes_of(model);
    const InputSize size = input_size(model);
    if (!size.is(rows, cols)) {
      throw Error(data.images.source, "images of " + std::to_string(rows) + " x " + std::to_string(cols) +
                                          " pixels, expected " + size.text() + ", as " + model_path_ +
                                          " takes");
    }
    if (classes > 256) {
      throw Error(model_path_, std::to_string(classes) + " classes, expected at most 256, as labels have");
    }
    const std::uint8_t largest = *std::ranges::max_element(data.labels.labels());
    if (largest >= classes) {
      throw Error(data.labels.source, "label " + std::to_string(largest) + ", expected 0 to " +
                                          std::to_string(classes - 1) + ", the classes of " + model_path_ +
                                          "; --data-dir or --data names the images that it was made for");
    }
  }

  std::string program_;
  CLI::App& command_;
  std::string model_path_;
  Part part_ = Part::test;
  DataSource data_source_;
  std::size_t mistakes_ = 10, threads_;
  bool json_ = false;
};

}  // namespace nn::cli
