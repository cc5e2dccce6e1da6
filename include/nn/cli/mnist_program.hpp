// What the three MNIST programs have in common around their networks: options, data, progress, results.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>

#include "nn/cli/options.hpp"
#include "nn/cli/progress.hpp"
#include "nn/cli/run.hpp"
#include "nn/core/parallel.hpp"
#include "nn/data/dataset.hpp"
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
    add_standard_options(app);
    options.epochs = defaults.epochs;
    options.batch_size = defaults.batch_size;
    add_number<std::size_t>(app, "--epochs", options.epochs, "passes over the training images", 1, 1'000'000);
    add_number<std::size_t>(app, "--batch-size", options.batch_size, "images per step", 1, 65'536);
    add_number<float>(app, "--lr", options.learning_rate, "learning rate", 1e-12f, 1e6f);
    add_seed(app, seed);
    add_threads(app, threads);
    add_text(app, "--data-dir", data_dir,
             "folder with the IDX files, plain or .gz [data, here or beside the build]");
    add_text(app, "--output", output, "model file to write");
    add_text(app, "--log", log_path, "log file to write, a row an epoch");
    app.add_flag("--quiet", quiet, "print the test accuracy only");
  }

  int run(int argc, char** argv, const std::function<void()>& body) {
    executable_ = argv[0];
    return cli::run(app, argc, argv, [&] {
      check_writable(output);
      log_ = LossLog(log_path);
      body();
    });
  }

  // Training and test images. Throws Error if they are not there or not whole.
  std::pair<Dataset, Dataset> load_data() {
    const Stopwatch watch;
    const std::string folder = data_dir.empty() ? default_data_dir() : data_dir;
    std::pair<Dataset, Dataset> data = load_train_and_test(folder);
    loading_seconds_ = watch.seconds();
    say("data: %zu training and %zu test images of %zu x %zu pixels from %s\n", data.first.size(),
        data.second.size(), data.first.images.rows, data.first.images.cols, folder.c_str());
    return data;
  }

  template <Model M>
  void describe(const std::string& network, M& model) {
    std::size_t parameters = 0;
    for (const Tensor* t : model.tensors()) parameters += t->value.size();
    say("network: %s, %zu parameters\n", network.c_str(), parameters);
    say("training: SGD, learning rate %g, batch %zu, %zu epochs, seed %llu, %zu thread%s\n",
        static_cast<double>(options.learning_rate), options.batch_size, options.epochs,
        static_cast<unsigned long long>(seed), threads, threads == 1 ? "" : "s");
  }

  // Shows and logs what train() reports.
  template <Model M>
  void train(M& model, const Dataset& data, SimpleRng& rng, ThreadTeam& team) {
    const Stopwatch watch;
    Progress progress(options.epochs, quiet);
    TrainingObserver observer;
    observer.on_batch = [&](auto... how_far) { progress.batch_done(how_far...); };
    observer.on_epoch = [&](const EpochReport& report) {
      progress.epoch_done(report);
      log_.add(report);
      log_.save();  // after every epoch: others may be following it
    };
    nn::train(model, data, options, rng, team, observer);
    training_seconds_ = watch.seconds();
  }

  template <Model M>
  void test_and_save(M& model, const Dataset& data, ThreadTeam& team) {
    const Stopwatch watch;
    const Evaluation result = evaluate(model, data, team);
    const double testing_seconds = watch.seconds();
    const std::size_t bytes = save_bin(model, output);
    log_.set_test_accuracy(result.accuracy());
    log_.save();
    std::printf("test accuracy: %.2f %% (%zu of %zu), loss %.6f\n", 100 * result.accuracy(), result.correct,
                result.images, result.loss);
    say("wrote %s (%zu bytes) and %s\n", output.c_str(), bytes, log_path.c_str());
    say("time: loading %.2f s, training %.2f s, testing %.2f s\n", loading_seconds_, training_seconds_,
        testing_seconds);
  }

  CLI::App app;
  TrainingOptions options;
  std::uint64_t seed = 42;
  std::size_t threads = 1;
  std::string data_dir, output, log_path;
  bool quiet = false;

 private:
  template <class... Args>
  void say(const char* format, Args... args) const {
    if (!quiet) std::printf(format, args...);
  }

  // "data" here, else "../data" beside the program: build/mnist_mlp finds it from anywhere.
  std::string default_data_dir() const {
    if (std::filesystem::is_directory("data")) return "data";
    const std::filesystem::path beside = std::filesystem::path(executable_).parent_path() / ".." / "data";
    return std::filesystem::is_directory(beside) ? beside.lexically_normal().string() : "data";
  }

  std::string executable_;
  LossLog log_{""};
  double loading_seconds_ = 0, training_seconds_ = 0;
};

}  // namespace nn::cli
