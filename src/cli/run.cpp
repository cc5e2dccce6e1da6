#include "cli/run.hpp"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "cli/processes.hpp"
#include "cli/progress.hpp"
#include "cli/settings.hpp"
#include "cli/settled.hpp"
#include "nn/core/error.hpp"
#include "nn/core/instruction_set.hpp"
#include "nn/core/matmul.hpp"
#include "nn/core/text.hpp"
#include "nn/data/class_names.hpp"
#include "nn/data/outliers.hpp"
#include "nn/data/redrawn.hpp"
#include "nn/files/bin_files.hpp"
#include "nn/files/json.hpp"
#include "nn/files/model_files.hpp"
#include "nn/files/signature.hpp"
#include "nn/training/checkpoint.hpp"
#include "nn/training/checkpoint_folder.hpp"
#include "nn/training/evaluate.hpp"

namespace nn::cli {
namespace {

// The files of an earlier run, unless it is this one that goes on.
void say_what_is_replaced(const RunOptions& o, const std::string& output) {
  std::vector<std::string> replaced;
  for (const std::string& path : {output, o.log}) {
    std::error_code unknown;
    if (std::filesystem::is_regular_file(path, unknown)) replaced.push_back(path);
  }
  if (replaced.empty() || o.settled->resumed) return;
  say(o, "will replace %s\n", join(replaced, " and ").c_str());
}

// The training images without those that --validation or --fold holds out. Throws Error if these are none or
// all.
Split split_of(const RunOptions& o, const Dataset& train) {
  const std::size_t images = train.size();
  if (o.fold.count > images) {
    throw Error("--fold", "found " + std::to_string(o.fold.count) + " folds of " + std::to_string(images) +
                              " training images, expected at least one image in each");
  }
  if (o.fold.count > 0) return stratified_fold(train, o.fold, o.seed);
  const double count = o.validation < 1 ? o.validation * static_cast<double>(images) : o.validation;
  const auto held_out = static_cast<std::size_t>(count + 0.5);
  if (held_out >= images || (held_out == 0 && o.validation > 0)) {
    throw Error("--validation", "of " + std::to_string(images) + " training images it holds out " +
                                    std::to_string(held_out) + ", expected at least one and not all");
  }
  return stratified_split(train, held_out, o.seed);
}

// The settings that decide what the weights become.
Settings settings_of_weights(const RunOptions& o) {
  Settings settings = Settings::object();
  for (const auto& [name, value] : o.settled->settings.items()) {
    if (affects_weights(name)) settings[name] = value;
  }
  return settings;
}

// A model file's metadata. No time, and no place but --init-from's: the same run gives the same bytes.
std::map<std::string, std::string> metadata_of_model(const RunOptions& o, const RunData& data,
                                                     const TrainingState& state) {
  std::vector<double> losses;
  for (const EpochReport& report : state.log) losses.push_back(report.loss);
  std::map<std::string, std::string> all{{"program", o.settled->program},
                                         {"options", json_text(settings_of_weights(o))},
                                         {"epoch", std::to_string(state.epoch)},
                                         {"losses", json_text(nlohmann::json(losses))}};
  if (!data.class_names.empty()) all["class_names"] = json_text(nlohmann::json(data.class_names));
  if (data.preparation) all["preparation"] = to_text(*data.preparation);
  return all;
}

// With the places of all files, so that --resume needs no other option.
void save_checkpoint(const std::string& path, const RunOptions& o, const Network& network,
                     const RunData& data, std::uint32_t images_crc32, const Trained& run) {
  Settings options = o.settled->settings;
  options.erase("threads");
  options.erase("quiet");
  std::map<std::string, std::string> metadata = metadata_of_model(o, data, run.state);
  metadata["options"] = json_text(options);
  metadata["log_json"] = run.json_log.text();
  metadata["images_crc32"] = std::to_string(images_crc32);
  nn::save_checkpoint(path, network, run.state, metadata);
}

// Brings the network and the state to where the checkpoint was, if there is one to go on from.
void resume(const RunOptions& o, Network& network, std::uint32_t images_crc32, TrainingState& state) {
  if (!o.settled->resumed) return;
  const Safetensors& checkpoint = *o.settled->resumed;
  load_checkpoint(checkpoint, network, state, o.training);
  const std::string there = checkpoint.text("images_crc32"), here = std::to_string(images_crc32);
  if (there != here) {
    throw Error(checkpoint.path(),
                "is of a run with other training images: checksum " + there + " there, " + here + " here");
  }
  say(o, "resuming %s: %zu epochs and %zu batches are done\n", checkpoint.path().c_str(), state.epoch,
      state.batch);
}

// What is the same in all processes that train one network: where a run begins, and what decides a sum's
// bits.
std::string facts(const RunOptions& o, const Network& network, std::uint32_t images_crc32) {
  const BlasInfo blas = blas_info();
  return "instruction set " + instruction_set() + "\nOpenBLAS " + blas.version + " for " + blas.core +
         "\noptions " + json_text(settings_of_weights(o)) + "\ntraining images with checksum " +
         std::to_string(images_crc32) + "\nweights with signature " + signature(network) + "\n";
}

// That of --layers, or else of the program's own layers, with random weights.
Network untrained_network(const RunOptions& o, const std::string& layers, const RunData& data,
                          SimpleRng& rng) {
  const bool is_given = !o.layers.empty();
  const Shape images{data.train.images.rows, data.train.images.cols, 1};
  return parse_network(is_given ? o.layers : layers, images, is_given ? "--layers" : "network",
                       data.train.classes)
      .build(rng, o.init);
}

// The network of --init-from with its weights, but those of the last layer if the data have other classes.
Network trained_network(const RunOptions& o, const RunData& data, SimpleRng& rng) {
  // A run that goes on has all of it in its checkpoint.
  const bool goes_on = o.settled->resumed.has_value();
  const std::string path = goes_on ? o.settled->resumed_path() : o.init_from;
  const Network trained = goes_on ? read_network(*o.settled->resumed) : load_model(path);
  const std::size_t rows = data.train.images.rows, cols = data.train.images.cols;
  if (!trained.takes(rows, cols)) {
    throw Error(path, "takes " + trained.pixels_text() + ", expected " + std::to_string(rows) + " x " +
                          std::to_string(cols) + ", as the images have");
  }
  nlohmann::json json = trained.json();
  const bool has_other_classes = trained.classes() != data.train.classes;
  nlohmann::json& last = json["layers"].back();
  if (has_other_classes && last["layer"] == "dense") last["units"] = data.train.classes;
  Network network = network_of_json(json, path).build(rng, o.init);
  if (goes_on) return network;
  std::size_t kept = 0;
  const std::vector<Tensor*> from = trained.state(), to = network.state();
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (from[i]->shape != to[i]->shape) continue;
    to[i]->value = from[i]->value;
    ++kept;
  }
  say(o, "weights: %zu of %zu tensors from %s%s\n", kept, to.size(), path.c_str(),
      has_other_classes ? "; the last layer starts from scratch, for other classes" : "");
  return network;
}

}  // namespace

RunData load_data(const RunOptions& o) {
  const Stopwatch watch;
  const BesideImages beside = beside_images(o.data);
  const std::string& names_file = o.data.class_names.empty() ? beside.class_names : o.data.class_names;
  std::vector<std::string> names;
  if (!names_file.empty()) names = load_class_names(names_file, 0);
  auto [train, test] = load_both(o.data, names.size());
  if (!names.empty() && names.size() != train.classes) {
    throw Error(names_file, std::to_string(names.size()) + " names, expected " +
                                std::to_string(train.classes) + ", one for each class of " +
                                place_of(o.data));
  }
  say(o, "data: %zu training and %zu test images of %zu x %zu pixels, %zu classes, from %s\n", train.size(),
      test.size(), train.images.rows, train.images.cols, train.classes, place_of(o.data).c_str());
  if (o.redrawn > 0) {
    const double count = std::ceil(o.redrawn * static_cast<double>(train.size()));
    ThreadTeam team(o.threads);
    add_redrawn(train, static_cast<std::size_t>(count), o.seed, team);
    say(o, "redrawn: %.0f more digits, with other pens and in other forms\n", count);
  }
  if (o.outliers > 0) {
    if (names.empty()) names = numbers_as_names(train.classes);
    names.push_back(kOutlierName);
    const double count = std::ceil(o.outliers * static_cast<double>(train.size()));
    ThreadTeam team(o.threads);
    add_outliers(train, static_cast<std::size_t>(count), o.seed, team);
    test.classes = train.classes;  // though there are none among the test images
    say(o, "outliers: %.0f drawings of non-digits, class %zu\n", count, train.classes - 1);
  }
  return {std::move(train), std::move(test), std::move(names), beside.preparation, watch.seconds()};
}

Network make_network(const RunOptions& o, const std::string& layers, const RunData& data, SimpleRng& rng) {
  Network network =
      o.init_from.empty() ? untrained_network(o, layers, data, rng) : trained_network(o, data, rng);
  if (network.classes() != data.train.classes) {
    throw Error(o.init_from.empty() ? "--layers" : o.init_from,
                "the last layer makes " + std::to_string(network.classes()) + " numbers, expected " +
                    std::to_string(data.train.classes) + ", one for each class" +
                    (o.outliers > 0 ? ", of which --outliers adds one" : ""));
  }
  network.use_fusions(!o.no_fusions);
  const TrainingOptions& t = o.training;
  say(o, "network: %s -> %s (%zu parameters)\n", network.pixels_text().c_str(), network.text().c_str(),
      network.parameters());
  say(o, "training: %s, learning rate %g, batch %zu, %zu epochs, seed %llu, %zu thread%s\n",
      o.settled->settings["optimizer"].get<std::string>().c_str(), t.learning_rate, t.batch_size, t.epochs,
      static_cast<unsigned long long>(o.seed), o.threads, o.threads == 1 ? "" : "s");
  if (!o.settled->chosen.empty()) say(o, "settings:%s\n", o.settled->chosen.c_str());
  return network;
}

int show(const Network& network) {
  if (is_first()) std::fputs(network.table().c_str(), stdout);
  return kDone;
}

Trained train_network(const RunOptions& o, Network& network, const RunData& data, const SimpleRng& rng,
                      ThreadTeam& team) {
  std::string output = o.output;
  const bool has_more_to_say = !data.class_names.empty() || data.preparation;  // than a .bin holds
  if ((unsupported_by_bin(network) || has_more_to_say) && o.settled->is_default_output) {
    output = with_safetensors(output);
  }
  if (has_more_to_say && !names_safetensors(output)) {
    say(o, "%s will not hold the names of the classes%s; a .safetensors does\n", output.c_str(),
        data.preparation ? " and how to prepare pictures" : "");
  }
  check_savable(network, output);
  if (is_first()) check_files(o, output);
  say_what_is_replaced(o, output);

  Split split = split_of(o, data.train);
  Trained run{TrainingState(rng, std::move(split.training), o.training.optimizer), Outcome::finished, output,
              JsonLog(o.log_json, o.settled->json_log), 0};
  if (run.json_log.text().empty()) {  // a resumed run's earlier part has said it
    run.json_log.add("run", {{"program", o.settled->program},
                             {"network", network.json()},
                             {"parameters", network.parameters()},
                             {"settings", o.settled->settings}});
  }
  // Once a run, and only if it is needed: it reads all images.
  const bool compares_images = o.settled->resumed || started_by_mpirun() || !o.checkpoint_dir.empty();
  const std::uint32_t images_crc32 = compares_images ? crc32(data.train) : 0;
  resume(o, network, images_crc32, run.state);
  if (started_by_mpirun()) meet(facts(o, network, images_crc32));
  std::optional<CheckpointFolder> checkpoints;
  if (!o.checkpoint_dir.empty()) {
    checkpoints.emplace(o.checkpoint_dir, o.checkpoint_keep, o.settled->resumed.has_value());
  }
  const auto save = [&](const std::string& path) {
    save_checkpoint(path, o, network, data, images_crc32, run);
  };
  std::optional<Augmenter> augmenter;
  if (o.augment.any()) augmenter.emplace(o.augment, data.train.images.rows, data.train.images.cols, o.seed);
  const TrainingData training{data.train, std::move(split.validation),
                              o.test_each_epoch ? &data.test : nullptr, augmenter ? &*augmenter : nullptr};

  const Interrupt interrupt;
  Progress progress(o.training.epochs, o.quiet, run.state.epoch);
  TrainingObserver observer;
  observer.on_batch = [&](const BatchReport& report) {
    progress.batch_done(report);
    if (o.log_every != 0 && report.batch % o.log_every == 0) run.json_log.add("batch", to_json(report));
  };
  observer.on_epoch = [&] {  // writes both logs after every epoch: others may be following them
    progress.epoch_done(run.state.log.back());
    save_loss_log(o.log, run.state.log);
    run.json_log.add("epoch", to_json(run.state.log.back()));
    run.json_log.save();
    const std::size_t epoch = run.state.epoch;
    if (checkpoints && (epoch % o.checkpoint_every == 0 || epoch == o.training.epochs)) {
      checkpoints->save_epoch(epoch, run.state.best_epoch == epoch, save);
    }
  };
  observer.wants_to_stop = [&] { return interrupt.requested(); };

  const Stopwatch watch;
  try {
    run.outcome = train(network, training, o.training, run.state, team, observer, processes());
    progress.close_line();
    if (run.outcome == Outcome::interrupted) {
      if (checkpoints) save(checkpoints->latest());
      run.state.average.swap(network.state());  // which is tested and saved
    }
  } catch (const Error&) {  // a log or a checkpoint cannot be written: that does not cost the model
    progress.close_line();
    run.state.average.swap(network.state());
    const std::size_t bytes = save_model(network, output, metadata_of_model(o, data, run.state));
    say(o, "wrote %s (%zu bytes), the model as it is now\n", output.c_str(), bytes);
    throw;
  }
  run.seconds = watch.seconds();
  if (run.outcome == Outcome::interrupted) {
    say(o, "interrupted in epoch %zu after batch %zu; the model as it is now is tested and saved%s%s\n",
        run.state.epoch + 1, run.state.batch, o.checkpoint_dir.empty() ? "" : "; go on with --resume ",
        o.checkpoint_dir.c_str());
  } else if (!training.validation.empty()) {
    say(o, "%s: the model of epoch %zu, with the best validation loss, is tested and saved\n",
        run.outcome == Outcome::stopped_early ? "stopped early" : "done", run.state.best_epoch);
  }
  return run;
}

int test_and_save(const RunOptions& o, Network& network, const RunData& data, Trained run, ThreadTeam& team) {
  const bool is_interrupted = run.outcome == Outcome::interrupted,
             diverged = run.outcome == Outcome::diverged;
  if (!is_first()) return is_interrupted ? kInterrupted : diverged ? kFailed : kDone;
  if (diverged && run.state.log.empty()) {
    throw Error("training",
                "the loss is NaN or infinite in epoch 1, expected it to fall; a smaller --lr helps");
  }
  const Stopwatch watch;
  const Evaluation test = evaluate(network, data.test, team);
  const double testing_seconds = watch.seconds();
  if (!std::isfinite(test.loss)) {
    throw Error(
        "training",
        "the loss on the test images is NaN or infinite, expected a finite one; a smaller --lr helps");
  }
  if (!is_interrupted) run.state.log[run.state.best_epoch - 1].test_accuracy = test.accuracy();
  const std::size_t bytes = save_model(network, run.output, metadata_of_model(o, data, run.state));

  constexpr const char* outcomes[] = {"finished", "stopped early", "interrupted", "diverged"};
  save_loss_log(o.log, run.state.log);
  run.json_log.add("end", {{"outcome", outcomes[static_cast<int>(run.outcome)]},
                           {"epoch", is_interrupted ? run.state.epoch : run.state.best_epoch},
                           {"test_loss", number_or_null(test.loss)},
                           {"test_accuracy", test.accuracy()},
                           {"signature", signature(network)}});
  run.json_log.save();

  std::printf("test accuracy: %.2f %% (%zu of %zu), loss %.6f\n", 100 * test.accuracy(), test.correct,
              test.images, test.loss);
  const bool logged = !o.log.empty() && !run.state.log.empty();
  say(o, "wrote %s (%zu bytes)%s%s\n", run.output.c_str(), bytes, logged ? " and " : "",
      logged ? o.log.c_str() : "");
  say(o, "signature: %s\n", signature(network).c_str());
  say(o, "time: loading %.2f s, training %.2f s, testing %.2f s\n", data.seconds, run.seconds,
      testing_seconds);
  if (diverged) {
    throw Error("training", "the loss is NaN or infinite after epoch " +
                                std::to_string(run.state.best_epoch) + ", whose model is kept in " +
                                run.output + "; a smaller --lr helps");
  }
  return is_interrupted ? kInterrupted : kDone;
}

}  // namespace nn::cli
