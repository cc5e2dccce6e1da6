// What the MNIST programs have in common around their networks: options, data, progress, checkpoints,
// results.
#pragma once

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/cli/checkpoint_folder.hpp"
#include "nn/cli/commands.hpp"
#include "nn/cli/data_source.hpp"
#include "nn/cli/interrupt.hpp"
#include "nn/cli/progress.hpp"
#include "nn/cli/run.hpp"
#include "nn/cli/settings.hpp"
#include "nn/cli/training_options.hpp"
#include "nn/core/parallel.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/outliers.hpp"
#include "nn/data/split.hpp"
#include "nn/models/model_files.hpp"
#include "nn/training/checkpoint.hpp"
#include "nn/training/json_log.hpp"
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
      : app(description, name), output_(defaults.output), log_path_(defaults.log) {
    options_.epochs = defaults.epochs;
    options_.batch_size = defaults.batch_size;
    add_standard_options(app);
    add_training(app, options_);
    add_optimizer(app, options_.optimizer);
    add_schedule(app, options_.schedule);
    add_validation(app, options_, validation_);
    app.add_flag("--test-each-epoch", test_each_epoch_, "log the test accuracy of every epoch, too");
    add_augment(app, augment_);
    add_number<double>(app, "--outliers", outliers_,
                       "drawings that are no digit, made of the training images, which the network learns to "
                       "know as a class "
                       "of their own; as a share of the images",
                       0, 1);
    data_source_.add_options(app);
    begin_group(app, "Run");
    add_seed(app, seed);
    add_threads(app, threads);
    begin_group(app, "Files");
    add_text(app, "--output", output_, "model file to write; .safetensors says more than .bin");
    add_text(app, "--log", log_path_, "log file to write, a row an epoch");
    add_text(app, "--log-json", log_json_path_, "log file to write, a JSON object a line [none]");
    add_number<std::size_t>(app, "--log-every", log_every_,
                            "of --log-json: a line every so many batches, too", 0, 1'000'000'000);
    add_text(app, "--checkpoint-dir", checkpoint_dir_,
             "folder for checkpoints, from which --resume goes on [none]");
    add_number<std::size_t>(app, "--checkpoint-every", checkpoint_every_, "epochs between two checkpoints", 1,
                            1'000'000);
    add_number<std::size_t>(app, "--checkpoint-keep", checkpoint_keep_, "epochs whose checkpoints are kept",
                            1, 1'000'000);
    add_text(app, "--resume", resume_, "checkpoint to go on from, or a folder with the latest one");
    add_text(app, "--config", config_, "JSON file with options; those given here win");
    add_text(app, "--save-config", save_config_, "JSON file to write all options to");
    app.add_flag("--quiet", quiet, "print the test accuracy only");
  }

  // Runs body() with the command line parsed, or a subcommand; both return the exit status.
  int run(int argc, char** argv, const std::function<int()>& body) {
    executable_ = argv[0];
    Commands commands(app, threads);
    return cli::run(app, argc, argv, [&] {
      if (const std::optional<int> status = commands.run(executable_)) return *status;
      if (!config_.empty()) apply_settings(app, read_settings(config_), config_);
      if (!resume_.empty()) prepare_to_resume();
      settle_paths();
      log_json_ = JsonLog(log_json_path_);
      if (checkpoint_) log_json_.set_text(checkpoint_text("log_json"));
      if (!save_config_.empty()) write_atomically(save_config_, settings().dump(2) + "\n");
      return body();
    });
  }

  // Training and test images. Throws Error if they are not there or not whole.
  std::pair<Dataset, Dataset> load_data() {
    const Stopwatch watch;
    std::pair<Dataset, Dataset> data = data_source_.load(executable_);
    const std::string& names_file = data_source_.class_names_file();
    if (!names_file.empty()) class_names_ = load_class_names(names_file, data.first.classes);
    loading_seconds_ = watch.seconds();
    say("data: %zu training and %zu test images of %zu x %zu pixels, %zu classes, from %s\n",
        data.first.size(), data.second.size(), data.first.images.rows, data.first.images.cols,
        data.first.classes, data_source_.place(executable_).c_str());
    if (outliers_ > 0) add_outliers(data.first, data.second);
    return data;
  }

  template <Model M>
  void describe(const std::string& network, M& model) {
    std::size_t parameters = 0;
    for (const Tensor* t : model.tensors()) parameters += t->value.size();
    say("network: %s, %zu parameters\n", network.c_str(), parameters);
    say("training: %s, learning rate %g, batch %zu, %zu epochs, seed %llu, %zu thread%s\n",
        settings()["optimizer"].get<std::string>().c_str(), options_.learning_rate, options_.batch_size,
        options_.epochs, static_cast<unsigned long long>(seed), threads, threads == 1 ? "" : "s");
    if (const std::string chosen = chosen_settings(app); !chosen.empty())
      say("settings:%s\n", chosen.c_str());
    if (log_json_.text().empty())
      log_json_.add("run", {{"program", app.get_name()},
                            {"network", network_json(model.shape())},
                            {"parameters", parameters},
                            {"settings", settings()}});
  }

  // Trains on the data and tests; shows, logs and saves what comes of it. Returns the exit status.
  template <Model M>
  int train_and_test(M& model, const Dataset& train_set, const Dataset& test_set, SimpleRng& rng,
                     ThreadTeam& team) {
    if (app.count("--output") == 0 && !beyond_bin(model.shape()).empty()) name_safetensors();
    check_savable(model, output_);
    const Split split = stratified_split(train_set, held_out(train_set.size()), seed);
    TrainingState state(rng, split.training, options_.optimizer);
    const Outcome outcome = train(model, train_set, test_set, split, state, team);
    if (outcome == Outcome::diverged && state.log.empty()) {
      throw Error("training",
                  "the loss is no longer a number in epoch 1, expected it to fall; a smaller --lr helps");
    }

    const Stopwatch watch;
    const Evaluation result = evaluate(model, test_set, team);
    const double testing_seconds = watch.seconds();
    if (outcome != Outcome::interrupted) state.log[state.best_epoch - 1].test_accuracy = result.accuracy();
    const std::size_t bytes = save_model(model, output_, metadata(state));
    save_logs(state, outcome, result);
    std::printf("test accuracy: %.2f %% (%zu of %zu), loss %.6f\n", 100 * result.accuracy(), result.correct,
                result.images, result.loss);
    const bool logged = !log_path_.empty() && !state.log.empty();
    say("wrote %s (%zu bytes)%s%s\n", output_.c_str(), bytes, logged ? " and " : "",
        logged ? log_path_.c_str() : "");
    say("time: loading %.2f s, training %.2f s, testing %.2f s\n", loading_seconds_, training_seconds_,
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
  bool quiet = false;

 private:
  void add_outliers(Dataset& train_set, Dataset& test_set) {
    const Stopwatch watch;
    if (class_names_.empty()) class_names_ = numbers_as_names(train_set.classes);
    const double count = std::ceil(outliers_ * static_cast<double>(train_set.size()));
    ThreadTeam team(threads);
    nn::add_outliers(train_set, static_cast<std::size_t>(count), seed, team);
    test_set.classes = train_set.classes;  // though there are none among the test images
    class_names_.push_back(kOutlierName);
    loading_seconds_ += watch.seconds();
    say("outliers: %.0f drawings that are no digit, class %zu\n", count, train_set.classes - 1);
  }

  template <Model M>
  Outcome train(M& model, const Dataset& train_set, const Dataset& test_set, const Split& split,
                TrainingState& state, ThreadTeam& team) {
    if (checkpoint_) {
      load_checkpoint(*checkpoint_, model, state, options_.optimizer);
      check_data(train_set);
      say("resuming %s: %zu epochs and %zu batches are done\n", checkpoint_->path().c_str(), state.epoch,
          state.batch);
    }
    std::optional<CheckpointFolder> folder;
    if (!checkpoint_dir_.empty()) {
      folder.emplace(checkpoint_dir_, checkpoint_keep_, checkpoint_.has_value());
      data_crc_ = crc32(train_set);
    }
    const auto save_to = [&](const std::string& path) {
      save_checkpoint(path, model, state, metadata(state, log_json_.text()));
    };
    std::optional<Augmenter> augmenter;
    if (augment_.any()) augmenter.emplace(augment_, train_set.images.rows, train_set.images.cols, seed);
    const TrainingData data{train_set, split.validation, test_each_epoch_ ? &test_set : nullptr,
                            augmenter ? &*augmenter : nullptr};

    const Interrupt interrupt;
    Progress progress(options_.epochs, quiet, static_cast<double>(state.epoch));
    TrainingObserver observer;
    observer.on_batch = [&](const BatchReport& report) {
      progress.batch_done(report);
      if (log_every_ != 0 && report.batch % log_every_ == 0) log_json_.add("batch", to_json(report));
    };
    observer.on_epoch = [&] {
      progress.epoch_done(state.log.back());
      save_loss_log(log_path_, state.log);  // after every epoch: others may be following it
      log_json_.add("epoch", to_json(state.log.back()));
      log_json_.save();
      const bool is_best = state.best_epoch == state.epoch;
      if (folder && (state.epoch % checkpoint_every_ == 0 || state.epoch == options_.epochs)) {
        folder->save_epoch(state.epoch, is_best, save_to);
      }
    };
    observer.wants_to_stop = [&] { return interrupt.requested(); };

    const Stopwatch watch;
    const Outcome outcome = nn::train(model, data, options_, state, team, observer);
    training_seconds_ = watch.seconds();
    progress.close_line();
    if (outcome == Outcome::interrupted) {
      if (folder) save_to(folder->latest());
      say("interrupted in epoch %zu after batch %zu; the model as it is now is tested and saved%s%s\n",
          state.epoch + 1, state.batch, folder ? "; go on with --resume " : "",
          folder ? checkpoint_dir_.c_str() : "");
    } else if (!data.validation.empty()) {
      say("%s: the model of epoch %zu, with the best validation loss, is tested and saved\n",
          outcome == Outcome::stopped_early ? "no progress any more" : "done", state.best_epoch);
    }
    return outcome;
  }

  // Takes from the checkpoint the settings that were not given; those given must not change the run.
  void prepare_to_resume() {
    checkpoint_.emplace(checkpoint_file(resume_));
    if (checkpoint_text("training").empty()) {
      throw Error(checkpoint_->path(),
                  "has no state of a run, expected a checkpoint, as --checkpoint-dir writes");
    }
    if (checkpoint_text("program") != app.get_name()) {
      throw Error(checkpoint_->path(),
                  "is a checkpoint of " + checkpoint_text("program") + ", expected one of " + app.get_name());
    }
    const Settings then = Settings::parse(checkpoint_text("options"), nullptr, false), now = settings();
    if (!then.is_object()) throw Error(checkpoint_->path(), "the metadata \"options\" is no JSON object");
    std::string differences;
    for (const auto& [name, value] : then.items()) {
      const bool may_change = name == "epochs" || name == "patience" || name == "min-delta";
      if (may_change || is_beside_the_result(name) || !now.contains(name) || app.count("--" + name) == 0 ||
          now[name] == value)
        continue;
      differences += (differences.empty() ? "--" : "; --") + name + " " + value.dump() + " there, " +
                     now[name].dump() + " here";
    }
    if (!differences.empty())
      throw Error(checkpoint_->path(), "is of a run with other options: " + differences);
    apply_settings(app, then, checkpoint_->path());
    if (checkpoint_dir_.empty()) {
      const std::filesystem::path parent = std::filesystem::path(checkpoint_->path()).parent_path();
      checkpoint_dir_ = parent.empty() ? "." : parent.string();
    }
  }

  // The checkpoint's metadata of this key, or nothing.
  std::string checkpoint_text(const char* key) const {
    const auto found = checkpoint_->metadata().find(key);
    return found == checkpoint_->metadata().end() ? std::string() : found->second;
  }

  void name_safetensors() {
    output_ = std::filesystem::path(output_).replace_extension(".safetensors").string();
  }

  void settle_paths() {
    if (outliers_ > 0 && app.count("--output") == 0) name_safetensors();
    if (outliers_ > 0 && !names_safetensors(output_)) {
      throw Error(output_,
                  "a .bin cannot say which class --outliers are, expected a path that ends in .safetensors");
    }
    if (output_ == log_path_) {
      throw Error("--log", output_ + " is the model file, too, expected a path of its own");
    }
    if (validation_ == 0 && options_.patience > 0) {
      throw Error("--patience",
                  "found without --validation, expected both: there is no validation loss to watch");
    }
    check_writable(output_);
    if (!log_path_.empty()) check_writable(log_path_);
  }

  // Throws Error if the checkpoint's run had other training images.
  void check_data(const Dataset& train_set) const {
    const std::string there = checkpoint_text("images_crc32"), here = std::to_string(crc32(train_set));
    if (there != here) {
      throw Error(checkpoint_->path(),
                  "is of a run with other training images: checksum " + there + " there, " + here + " here");
    }
  }

  // What a model file says of its training; with `log_json`, what a checkpoint says. No time and no place:
  // the same run gives the same bytes.
  std::map<std::string, std::string> metadata(const TrainingState& state,
                                              const std::optional<std::string>& log_json = {}) const {
    const Settings all_options = settings();
    Settings options = Settings::object();
    for (const auto& [name, value] : all_options.items()) {
      if (log_json ? name != "threads" && name != "quiet" : !is_beside_the_result(name)) {
        options[name] = value;
      }
    }
    std::vector<double> losses;
    for (const EpochReport& report : state.log) losses.push_back(report.loss);
    std::map<std::string, std::string> all{{"program", app.get_name()},
                                           {"options", options.dump()},
                                           {"epoch", std::to_string(state.epoch)},
                                           {"losses", nlohmann::json(losses).dump()}};
    if (!class_names_.empty()) all["class_names"] = nlohmann::json(class_names_).dump();
    if (log_json) {
      all["log_json"] = *log_json;
      all["images_crc32"] = std::to_string(data_crc_);
    }
    return all;
  }

  void save_logs(const TrainingState& state, Outcome outcome, const Evaluation& result) {
    constexpr const char* names[] = {"finished", "stopped early", "interrupted", "diverged"};
    save_loss_log(log_path_, state.log);
    log_json_.add("end", {{"outcome", names[static_cast<int>(outcome)]},
                          {"epoch", outcome == Outcome::interrupted ? state.epoch : state.best_epoch},
                          {"test_loss", number_or_null(result.loss)},
                          {"test_accuracy", result.accuracy()}});
    log_json_.save();
  }

  // The settings in force, "random" seeds made numbers.
  Settings settings() const {
    Settings all = settings_of(app);
    all["seed"] = seed;
    return all;
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

  TrainingOptions options_;
  AugmentOptions augment_;
  double outliers_ = 0;
  double validation_ = 0;
  bool test_each_epoch_ = false;
  DataSource data_source_;
  std::vector<std::string> class_names_;
  std::string output_, log_path_, log_json_path_, checkpoint_dir_, resume_, config_, save_config_,
      executable_;
  std::size_t log_every_ = 0, checkpoint_every_ = 1, checkpoint_keep_ = 3;
  std::optional<Safetensors> checkpoint_;  // to resume
  std::uint32_t data_crc_ = 0;
  JsonLog log_json_;
  double loading_seconds_ = 0, training_seconds_ = 0;
};

}  // namespace nn::cli
