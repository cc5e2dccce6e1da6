// What the MNIST programs have in common around their networks: options, data, progress, results.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "nn/cli/interrupt.hpp"
#include "nn/cli/progress.hpp"
#include "nn/cli/run.hpp"
#include "nn/cli/training_options.hpp"
#include "nn/core/parallel.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/split.hpp"
#include "nn/models/bin_files.hpp"
#include "nn/training/loss_log.hpp"
#include "nn/training/train.hpp"

namespace nn::cli {

class MnistProgram {
 public:
  struct Defaults {
    std::size_t epochs, batch_size;
    std::string output, log;
  };

  MnistProgram(const std::string& name, const std::string& description, const Defaults& defaults)
      : app(description, name), output(defaults.output), log_path(defaults.log) {
    options.epochs = defaults.epochs;
    options.batch_size = defaults.batch_size;
    add_standard_options(app);
    add_number<std::size_t>(app, "--epochs", options.epochs, "passes over the training images", 1, 1'000'000);
    add_number<std::size_t>(app, "--batch-size", options.batch_size, "images per step", 1, 65'536);
    add_number<double>(app, "--lr", options.learning_rate, "learning rate", 1e-12, 1e6);
    add_optimizer(app, options.optimizer);
    add_schedule(app, options.schedule);
    add_validation(app, options, validation_);
    app.add_flag("--test-each-epoch", test_each_epoch_, "log the test accuracy of every epoch, too");
    add_augment(app, augment_);
    add_data(app, data_options_, data_dir_);
    add_seed(app, seed);
    add_threads(app, threads);
    add_text(app, "--output", output, "model file to write");
    add_text(app, "--log", log_path, "log file to write, a row an epoch");
    app.add_flag("--quiet", quiet, "print the test accuracy only");
  }

  // Runs body() with the command line parsed; body returns the exit status.
  int run(int argc, char** argv, const std::function<int()>& body) {
    executable_ = argv[0];
    return cli::run(app, argc, argv, [&] {
      if (output == log_path) {
        throw Error("--log", output + " is the model file, too, expected a path of its own");
      }
      if (validation_ == 0 && options.patience > 0) {
        throw Error("--patience",
                    "found without --validation, expected both: there is no validation loss to watch");
      }
      check_writable(output);
      log_ = LossLog(log_path);
      return body();
    });
  }

  // Training and test images. Throws Error if they are not there or not whole.
  std::pair<Dataset, Dataset> load_data() {
    const Stopwatch watch;
    const std::string folder = data_dir_.empty() ? default_data_dir() : data_dir_;
    std::pair<Dataset, Dataset> data = load_train_and_test(folder, data_options_);
    loading_seconds_ = watch.seconds();
    say("data: %zu training and %zu test images of %zu x %zu pixels, %zu classes, from %s\n",
        data.first.size(), data.second.size(), data.first.images.rows, data.first.images.cols,
        data.first.classes, folder.c_str());
    return data;
  }

  template <Model M>
  void describe(const std::string& network, M& model) {
    std::size_t parameters = 0;
    for (const Tensor* t : model.tensors()) parameters += t->value.size();
    say("network: %s, %zu parameters\n", network.c_str(), parameters);
    say("training: %s, learning rate %g, batch %zu, %zu epochs, seed %llu, %zu thread%s\n",
        app.get_option("--optimizer")->as<std::string>().c_str(), options.learning_rate, options.batch_size,
        options.epochs, static_cast<unsigned long long>(seed), threads, threads == 1 ? "" : "s");
  }

  // Trains on the data and tests; shows, logs and saves what comes of it. Returns the exit status.
  template <Model M>
  int train_and_test(M& model, const Dataset& train_set, const Dataset& test_set, SimpleRng& rng,
                     ThreadTeam& team) {
    const Outcome outcome = train(model, train_set, test_set, rng, team);
    if (outcome == Outcome::diverged && log_.empty()) {
      throw Error("training",
                  "the loss is no longer a number in epoch 1, expected it to fall; a smaller --lr helps");
    }
    const Stopwatch watch;
    const Evaluation result = evaluate(model, test_set, team);
    const double testing_seconds = watch.seconds();
    const std::size_t bytes = save_bin(model, output);
    if (outcome != Outcome::interrupted) log_.set_test_accuracy(saved_epoch_, result.accuracy());
    log_.save();
    std::printf("test accuracy: %.2f %% (%zu of %zu), loss %.6f\n", 100 * result.accuracy(), result.correct,
                result.images, result.loss);
    say("wrote %s (%zu bytes)%s%s\n", output.c_str(), bytes, log_.empty() ? "" : " and ",
        log_.empty() ? "" : log_path.c_str());
    say("time: loading %.2f s, training %.2f s, testing %.2f s\n", loading_seconds_, training_seconds_,
        testing_seconds);
    if (outcome == Outcome::diverged) {
      throw Error("training", "the loss is no longer a number after epoch " + std::to_string(saved_epoch_) +
                                  ", whose model is kept in " + output + "; a smaller --lr helps");
    }
    return outcome == Outcome::interrupted ? kInterrupted : kDone;
  }

  CLI::App app;
  TrainingOptions options;
  std::uint64_t seed = 42;
  std::size_t threads = 1;
  std::string output, log_path;
  bool quiet = false;

 private:
  template <Model M>
  Outcome train(M& model, const Dataset& train_set, const Dataset& test_set, SimpleRng& rng,
                ThreadTeam& team) {
    const Split split = stratified_split(train_set, held_out(train_set.size()), seed);
    std::optional<Augmenter> augmenter;
    if (augment_.any()) augmenter.emplace(augment_, train_set.images.rows, train_set.images.cols, seed);
    const TrainingData data{train_set, split.validation, test_each_epoch_ ? &test_set : nullptr,
                            augmenter ? &*augmenter : nullptr};
    TrainingState state(rng, split.training, options.optimizer);

    const Interrupt interrupt;
    Progress progress(options.epochs, quiet);
    TrainingObserver observer;
    observer.on_batch = [&](auto... how_far) { progress.batch_done(how_far...); };
    observer.on_epoch = [&](const EpochReport& report) {
      progress.epoch_done(report);
      log_.add(report);
      log_.save();  // after every epoch: others may be following it
    };
    observer.wants_to_stop = [&] { return interrupt.requested(); };

    const Stopwatch watch;
    const Outcome outcome = nn::train(model, data, options, state, team, observer);
    saved_epoch_ = state.best_epoch;
    training_seconds_ = watch.seconds();
    progress.close_line();
    if (outcome == Outcome::interrupted) {
      say("interrupted in epoch %zu after batch %zu; the model as it is now is tested and saved\n",
          state.epoch + 1, state.batch);
    } else if (!data.validation.empty()) {
      say("%s: the model of epoch %zu, with the best validation loss, is tested and saved\n",
          outcome == Outcome::stopped_early ? "no progress any more" : "done", state.best_epoch);
    }
    return outcome;
  }

  // How many of the training images --validation asks for.
  std::size_t held_out(std::size_t images) const {
    const double count = validation_ < 1 ? validation_ * static_cast<double>(images) : validation_;
    const auto held_out = static_cast<std::size_t>(count + 0.5);
    if (held_out >= images || (held_out == 0 && validation_ > 0)) {
      throw Error("--validation", "of " + std::to_string(images) + " training images it holds out " +
                                      std::to_string(held_out) + ", expected at least one and not all");
    }
    return held_out;
  }

  template <class... Args>
  void say(const char* format, Args... args) const {
    if (quiet) return;
    std::printf(format, args...);
    std::fflush(stdout);  // in its place among what progress writes to standard error
  }

  // "data" here, else "../data" beside the program: build/mnist_mlp finds it from anywhere.
  std::string default_data_dir() const {
    if (std::filesystem::is_directory("data")) return "data";
    const std::filesystem::path beside = std::filesystem::path(executable_).parent_path() / ".." / "data";
    return std::filesystem::is_directory(beside) ? beside.lexically_normal().string() : "data";
  }

  DataOptions data_options_;
  std::string data_dir_;
  AugmentOptions augment_;
  double validation_ = 0;
  bool test_each_epoch_ = false;
  std::string executable_;
  LossLog log_{""};
  std::size_t saved_epoch_ = 0;  // whose model is tested and saved, unless the run was interrupted
  double loading_seconds_ = 0, training_seconds_ = 0;
};

}  // namespace nn::cli
