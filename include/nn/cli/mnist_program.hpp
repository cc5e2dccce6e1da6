// What the MNIST programs have in common around their networks: options, data, training, results.
#pragma once

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/cli/commands.hpp"
#include "nn/cli/interrupt.hpp"
#include "nn/cli/progress.hpp"
#include "nn/cli/run.hpp"
#include "nn/cli/run_checkpoints.hpp"
#include "nn/cli/run_files.hpp"
#include "nn/cli/run_images.hpp"
#include "nn/cli/run_logs.hpp"
#include "nn/cli/run_record.hpp"
#include "nn/cli/say.hpp"
#include "nn/cli/settings.hpp"
#include "nn/cli/training_options.hpp"
#include "nn/core/parallel.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/split.hpp"
#include "nn/files/atomic_file.hpp"
#include "nn/models/model_files.hpp"
#include "nn/training/train.hpp"

namespace nn::cli {

class MnistProgram {
 public:
  struct Defaults {
    std::size_t epochs, batch_size;
    std::string output, log;
  };

  MnistProgram(const std::string& name, const std::string& description, const Defaults& defaults)
      : app(description, name), output_(defaults.output), logs_(defaults.log) {
    options_.epochs = defaults.epochs;
    options_.batch_size = defaults.batch_size;
    add_standard_options(app);
    add_training(app, options_);
    add_optimizer(app, options_.optimizer);
    add_schedule(app, options_.schedule);
    add_validation(app, options_, validation_);
    app.add_flag("--test-each-epoch", test_each_epoch_, "log the test accuracy of every epoch, too");
    images_.add_options(app);
    begin_group(app, "Run");
    add_seed(app, seed);
    add_threads(app, threads);
    begin_group(app, "Files");
    add_text(app, "--output", output_, "model file to write; .safetensors says more than .bin");
    logs_.add_options(app);
    checkpoints_.add_options(app);
    add_text(app, "--config", config_, "JSON file with options; those given here win");
    add_text(app, "--save-config", save_config_, "JSON file to write all options to");
    app.add_flag("--quiet", say_.quiet, "print the test accuracy only");
  }

  // Runs body() with the command line parsed, or a subcommand; both return the exit status.
  int run(int argc, char** argv, const std::function<int()>& body) {
    executable_ = argv[0];
    Commands commands(app, threads);
    return cli::run(app, argc, argv, [&] {
      if (const std::optional<int> status = commands.run(executable_)) return *status;
      settle_options();
      return body();
    });
  }

  // Training and test images. Throws Error if they are not there or not whole.
  std::pair<Dataset, Dataset> load_data() {
    const Stopwatch watch;
    std::pair<Dataset, Dataset> data = images_.load(executable_, seed, threads, say_);
    record_.class_names = images_.class_names();
    loading_seconds_ = watch.seconds();
    return data;
  }

  template <Model M>
  void describe(const std::string& network, M& model) {
    std::size_t parameters = 0;
    for (const Tensor* t : model.tensors()) parameters += t->value.size();
    say_("network: %s, %zu parameters\n", network.c_str(), parameters);
    say_("training: %s, learning rate %g, batch %zu, %zu epochs, seed %llu, %zu thread%s\n",
         record_.settings["optimizer"].get<std::string>().c_str(), options_.learning_rate,
         options_.batch_size, options_.epochs, static_cast<unsigned long long>(seed), threads,
         threads == 1 ? "" : "s");
    if (const std::string chosen = chosen_settings(app); !chosen.empty())
      say_("settings:%s\n", chosen.c_str());
    logs_.begin({{"program", record_.program},
                 {"network", network_json(model.shape())},
                 {"parameters", parameters},
                 {"settings", record_.settings}});
  }

  // Trains on the data and tests; shows, logs and saves what comes of it. Returns the exit status.
  template <Model M>
  int train_and_test(M& model, const Dataset& train_set, const Dataset& test_set, SimpleRng& rng,
                     ThreadTeam& team) {
    if (!beyond_bin(model.shape()).empty()) prefer_safetensors();
    check_savable(model, output_);
    check_files();
    say_what_is_replaced();
    const Split split = stratified_split(train_set, held_out(validation_, train_set.size()), seed);
    TrainingState state(rng, split.training, options_.optimizer);
    const Outcome outcome = train(model, train_set, test_set, split, state, team);
    if (outcome == Outcome::diverged && state.log.empty()) {
      throw Error("training",
                  "the loss is no longer a number in epoch 1, expected it to fall; a smaller --lr helps");
    }

    const Stopwatch watch;
    const Evaluation result = evaluate(model, test_set, team);
    const double testing_seconds = watch.seconds();
    if (!std::isfinite(result.loss)) {
      throw Error("training", "the loss on the test images is no number, expected one; a smaller --lr helps");
    }
    if (outcome != Outcome::interrupted) state.log[state.best_epoch - 1].test_accuracy = result.accuracy();
    const std::size_t bytes = save_model(model, output_, record_.metadata(state));
    logs_.end(state, outcome, result);
    std::printf("test accuracy: %.2f %% (%zu of %zu), loss %.6f\n", 100 * result.accuracy(), result.correct,
                result.images, result.loss);
    const bool logged = !logs_.path().empty() && !state.log.empty();
    say_("wrote %s (%zu bytes)%s%s\n", output_.c_str(), bytes, logged ? " and " : "",
         logged ? logs_.path().c_str() : "");
    say_("time: loading %.2f s, training %.2f s, testing %.2f s\n", loading_seconds_, training_seconds_,
         testing_seconds);
    if (outcome == Outcome::diverged) {
      throw Error("training", "the loss is no longer a number after epoch " +
                                  std::to_string(state.best_epoch) + ", whose model is kept in " + output_ +
                                  "; a smaller --lr helps");
    }
    return outcome == Outcome::interrupted ? kInterrupted : kDone;
  }

  CLI::App app;
  std::uint64_t seed = 42;
  std::size_t threads = 1;

 private:
  // Once the command line is parsed: what --config and --resume add to it, and that all of it goes together.
  void settle_options() {
    const bool output_given = app.count("--output") > 0;
    if (!config_.empty()) apply_settings(app, read_settings(config_), config_);
    checkpoints_.take_settings(app, settings());
    is_standard_output_ = !output_given && output_ == app.get_option("--output")->get_default_str();
    record_.program = app.get_name();
    record_.settings = settings();

    if (images_.has_outliers()) prefer_safetensors();
    if (images_.has_outliers() && !names_safetensors(output_)) {
      throw Error(output_,
                  "a .bin cannot say which class --outliers are, expected a path that ends in .safetensors");
    }
    if (validation_ == 0 && options_.patience > 0) {
      throw CLI::ValidationError(
          "--patience", "found without --validation, expected both: there is no validation loss to watch");
    }
    if (!is_standard_output_ && app.count("--log") == 0) logs_.name_after(output_);
    check_files();
    check_ending();
    logs_.open(checkpoints_.json_log());
    if (!save_config_.empty()) write_atomically(save_config_, record_.settings.dump(2) + "\n");
  }

  // Throws Error if a file that is written is another one of the run's, or if the model cannot be written.
  void check_files() const {
    std::vector<RunFile> read = images_.files(executable_), written = logs_.files();
    read.push_back({"--config", config_});
    written.insert(written.begin(), {"--output", output_});
    written.push_back({"--save-config", save_config_});
    checkpoints_.check_apart_from(read);
    checkpoints_.check_apart_from(written);
    read.push_back({"--resume", checkpoints_.resumed()});  // which may be one of the checkpoints
    check_apart(read, written);
    check_writable(output_);
  }

  // Whoever writes model.pt expects a format that nothing here has. Throws CLI::ParseError.
  void check_ending() const {
    const std::string ending = std::filesystem::path(output_).extension().string();
    if (ending.empty() || ending == ".bin" || names_safetensors(output_)) return;
    throw CLI::ValidationError("--output",
                               output_ + " ends in " + ending + ", expected .bin or .safetensors");
  }

  // The files of an earlier run, unless it is this one that goes on.
  void say_what_is_replaced() const {
    std::string replaced;
    for (const std::string& path : {output_, logs_.path()}) {
      std::error_code unknown;
      if (!std::filesystem::is_regular_file(path, unknown)) continue;
      replaced += (replaced.empty() ? "" : " and ") + path;
    }
    if (!replaced.empty() && checkpoints_.resumed().empty()) say_("will replace %s\n", replaced.c_str());
  }

  // Those in force, a "random" seed made a number.
  Settings settings() const {
    Settings all = settings_of(app);
    all["seed"] = seed;
    return all;
  }

  // For what a .bin cannot say: without --output it is a .safetensors.
  void prefer_safetensors() {
    if (is_standard_output_)
      output_ = std::filesystem::path(output_).replace_extension(".safetensors").string();
  }

  template <Model M>
  Outcome train(M& model, const Dataset& train_set, const Dataset& test_set, const Split& split,
                TrainingState& state, ThreadTeam& team) {
    checkpoints_.begin(model, state, options_.optimizer, train_set, say_);
    const std::optional<Augmenter> augmenter = images_.augmenter(train_set, seed);
    const TrainingData data{train_set, split.validation, test_each_epoch_ ? &test_set : nullptr,
                            augmenter ? &*augmenter : nullptr};

    const Interrupt interrupt;
    Progress progress(options_.epochs, say_.quiet, static_cast<double>(state.epoch));
    TrainingObserver observer;
    observer.on_batch = [&](const BatchReport& report) {
      progress.batch_done(report);
      logs_.batch_done(report);
    };
    observer.on_epoch = [&] {
      progress.epoch_done(state.log.back());
      logs_.epoch_done(state);
      checkpoints_.epoch_done(model, state, options_.epochs, record_, logs_.json());
    };
    observer.wants_to_stop = [&] { return interrupt.requested(); };

    const Stopwatch watch;
    Outcome outcome{};
    try {
      outcome = nn::train(model, data, options_, state, team, observer);
      progress.close_line();
      if (outcome == Outcome::interrupted) checkpoints_.interrupted(model, state, record_, logs_.json());
    } catch (const Error&) {  // a log or a checkpoint cannot be written: that does not cost the model
      progress.close_line();
      const std::size_t bytes = save_model(model, output_, record_.metadata(state));
      say_("wrote %s (%zu bytes), the model as it is now\n", output_.c_str(), bytes);
      throw;
    }
    training_seconds_ = watch.seconds();
    if (outcome == Outcome::interrupted) {
      say_("interrupted in epoch %zu after batch %zu; the model as it is now is tested and saved%s%s\n",
           state.epoch + 1, state.batch, checkpoints_.dir().empty() ? "" : "; go on with --resume ",
           checkpoints_.dir().c_str());
    } else if (!data.validation.empty()) {
      say_("%s: the model of epoch %zu, with the best validation loss, is tested and saved\n",
           outcome == Outcome::stopped_early ? "no progress any more" : "done", state.best_epoch);
    }
    return outcome;
  }

  TrainingOptions options_;
  double validation_ = 0;
  bool test_each_epoch_ = false;
  bool is_standard_output_ = true;  // not given, and no other one in --config or the resumed run
  std::string output_, config_, save_config_, executable_;
  RunImages images_;
  RunLogs logs_;
  RunCheckpoints checkpoints_;
  RunRecord record_;
  Say say_;
  double loading_seconds_ = 0, training_seconds_ = 0;
};

}  // namespace nn::cli
