#include "cli/run.hpp"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/presets.hpp"
#include "cli/processes.hpp"
#include "cli/progress.hpp"
#include "cli/settings.hpp"
#include "nn/core/error.hpp"
#include "nn/core/instruction_set.hpp"
#include "nn/core/matmul.hpp"
#include "nn/core/text.hpp"
#include "nn/data/class_names.hpp"
#include "nn/data/outliers.hpp"
#include "nn/data/redrawn.hpp"
#include "nn/files/atomic_file.hpp"
#include "nn/files/bin_files.hpp"
#include "nn/files/json.hpp"
#include "nn/files/model_files.hpp"
#include "nn/files/signature.hpp"
#include "nn/training/checkpoint.hpp"
#include "nn/training/checkpoint_folder.hpp"
#include "nn/training/evaluate.hpp"

namespace nn::cli {

struct RunOptions::Settled {
  std::string program;
  Settings settings;                   // in force, a "random" seed made a number
  std::string chosen;                  // those that are not as by default, as one would type them
  bool is_default_output;              // not given, and no other one in --config or the resumed run
  std::optional<Safetensors> resumed;  // the checkpoint to go on from
  std::string json_log;                // of the run's earlier part

  std::string resumed_path() const { return resumed ? resumed->path() : ""; }
};

namespace {

constexpr std::size_t kShards = 8;       // of a run with mpirun, unless they are given
constexpr double kAdamRate = 0.001;      // the learning rate of adam and adamw, unless it is given
constexpr std::size_t kMinSteps = 2000;  // of a run on pictures of one's own, which are few

// Whether this process speaks and writes for all: rank 0.
bool is_first() {
  return processes().rank() == 0;
}

// As std::printf, unless --quiet.
template <class... Args>
void say(const RunOptions& o, const char* format, Args... args) {
  if (o.quiet) return;
  std::printf(format, args...);
  std::fflush(stdout);  // in its place among what progress writes to standard error
}

void add_optimizer(Options& app, OptimizerOptions& o) {
  app.group("Optimizer");
  using Kind = OptimizerKind;
  app.choice<Kind>("--optimizer", o.kind, "how gradients move weights",
                   {{"sgd", Kind::sgd},
                    {"momentum", Kind::momentum},
                    {"nesterov", Kind::nesterov},
                    {"adam", Kind::adam},
                    {"adamw", Kind::adamw}});
  app.number("--momentum", o.momentum, "of momentum and nesterov", 0, 0.9999);
  app.number("--beta1", o.beta1, "of adam: decay of the mean gradient", 0, 0.9999);
  app.number("--beta2", o.beta2, "of adam: decay of the mean square", 0, 0.999999);
  app.number("--epsilon", o.epsilon, "of adam", 1e-30, 1);
  app.number("--weight-decay", o.weight_decay,
             "weight decay: how fast parameters shrink towards 0; of adamw: all but biases and norms", 0, 10);
  app.number("--clip-norm", o.clip_norm, "gradient clipping norm, 0 for no clipping", 0, 1e9);
}

void add_schedule(Options& app, ScheduleOptions& s) {
  app.group("Learning-rate schedule");
  app.choice<Schedule>("--schedule", s.kind, "learning-rate schedule",
                       {{"constant", Schedule::constant},
                        {"step", Schedule::step},
                        {"exponential", Schedule::exponential},
                        {"cosine", Schedule::cosine},
                        {"one-cycle", Schedule::one_cycle}});
  app.number("--warmup", s.warmup_epochs, "epochs in which the rate rises from 0", 0, 1e6);
  app.number("--step-epochs", s.step_epochs, "of step: epochs between two drops", 1e-3, 1e6);
  app.number("--gamma", s.gamma, "of step and exponential: factor", 1e-6, 1);
  app.number("--final-rate", s.final_fraction, "of cosine and one-cycle: the last rate as a share of --lr", 0,
             1);
  app.number("--rise", s.rise_fraction, "of one-cycle: share of the run in which the rate rises", 1e-3,
             0.999);
}

void add_validation(Options& app, RunOptions& o) {
  app.group("Validation");
  app.number("--validation", o.validation,
             "training images held out to choose the best epoch, a share below 1 or a count", 0, 1e9);
  const std::string folds = "K/N, with N from 2 to " + std::to_string(kMaxFolds) + " and K from 1 to N";
  app.add("--fold", "TEXT", "none",
          "cross-validation, in place of --validation: of N equal parts of the training images, the K-th is "
          "held out: " +
              folds,
          [&fold = o.fold, folds](const std::string& text) {
            const std::optional<Fold> parsed = text == "none" ? Fold{} : parse_fold(text);
            if (!parsed) return refusal(text, folds + ", or none");
            return fold = *parsed, std::string();
          });
  app.number("--patience", o.training.patience,
             "stop after so many epochs without a better validation loss, 0 for never", 0, 1'000'000);
  app.number("--min-delta", o.training.min_delta, "smallest fall of the loss that counts as better", 0, 1e9);
  app.flag("--test-each-epoch", o.test_each_epoch, "log the test accuracy of every epoch, too");
}

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

// Throws Error if one of these files is a checkpoint of a run with checkpoints in `folder`, "" for none.
void check_apart_from_checkpoints(const std::vector<NamedFile>& files, const std::string& folder) {
  if (folder.empty()) return;
  for (const NamedFile& file : files) {
    const std::filesystem::path real = real_path(file.path);
    const std::string name = real.filename().string();
    if (real.parent_path() == real_path(folder) && CheckpointFolder::is_checkpoint(name))
      refuse_shared(file, "--checkpoint-dir");
  }
}

// Throws Error if a file that is written is another one of the run's, or if the model cannot be written.
void check_files(const RunOptions& o, const std::string& output) {
  std::vector<NamedFile> read = files_of(o.data);
  read.push_back({"--config", o.config});
  read.push_back({"--init-from", o.init_from});
  const std::vector<NamedFile> written{
      {"--output", output}, {"--log", o.log}, {"--log-json", o.log_json}, {"--save-config", o.save_config}};
  check_apart_from_checkpoints(read, o.checkpoint_dir);
  check_apart_from_checkpoints(written, o.checkpoint_dir);
  read.push_back({"--resume", o.settled->resumed_path()});  // which may be one of the checkpoints
  check_apart(read, written);
  check_writable(output);
}

// Whoever writes model.pt expects a format that nothing here has.
void check_ending(const std::string& output) {
  const std::string ending = std::filesystem::path(output).extension().string();
  if (ending.empty() || ending == ".bin" || names_safetensors(output)) return;
  wrong_usage("--output", output + " ends in " + ending + ", expected .bin or .safetensors");
}

std::string with_safetensors(const std::string& path) {
  return std::filesystem::path(path).replace_extension(".safetensors").string();
}

// Once the command line is parsed: what --config and --resume add to it, and that all of it goes together.
void settle(Options& app, RunOptions& o) {
  const auto settled = std::make_shared<RunOptions::Settled>();
  RunOptions::Settled& s = *settled;
  s.program = app.name();
  const bool output_given = app.is_given("--output");
  if (!o.config.empty()) apply_settings(app, read_settings(o.config), o.config);
  Settings of_preset = preset(app.name(), o.preset);
  if (of_preset.contains("redrawn")) {  // which adds digits
    const std::optional<Preparation> prepared = beside_images(o.data).preparation;
    if (prepared && prepared->kind != Preparation::Kind::digits) of_preset.erase("redrawn");
  }
  apply_settings(app, of_preset, "--preset " + o.preset);
  if (!o.resume.empty()) {
    s.resumed.emplace(checkpoint_file(o.resume));
    apply_checkpoint(app, *s.resumed);
    s.json_log = s.resumed->text("log_json");
    if (o.checkpoint_dir.empty()) {
      const std::filesystem::path folder = std::filesystem::path(s.resumed->path()).parent_path();
      o.checkpoint_dir = folder.empty() ? "." : folder.string();
    }
  }
  const bool is_adam = Optimizer(o.training.optimizer).uses_second_moment();
  if (is_adam && !app.is_given("--lr")) apply_settings(app, {{"lr", kAdamRate}}, "--optimizer");
  // Few pictures make few steps in an epoch, far fewer than MNIST's, for which the defaults are.
  if (!app.is_given("--epochs") && beside_images(o.data).preparation) {
    const std::size_t steps =
        (count_training_images(o.data) + o.training.batch_size - 1) / o.training.batch_size;
    const std::size_t epochs = (kMinSteps + steps - 1) / std::max<std::size_t>(steps, 1);
    apply_settings(app, {{"epochs", std::max(o.training.epochs, epochs)}}, "--data-dir");
  }
  if (started_by_mpirun() && o.training.shards == 0) apply_settings(app, {{"shards", kShards}}, "mpirun");
  const std::size_t count = processes().count();
  if (o.training.shards > 0 && o.training.shards < count) {
    wrong_usage("--shards", "found " + std::to_string(o.training.shards) + ", expected at least " +
                                std::to_string(count) + ", the number of processes");
  }
  if (o.training.shards > o.training.batch_size) {
    wrong_usage("--shards", "found " + std::to_string(o.training.shards) +
                                ", expected at most --batch-size, " + std::to_string(o.training.batch_size));
  }
  s.is_default_output = !output_given && o.output == app.default_of("--output");
  s.settings = settings_of(app);
  s.settings["seed"] = o.seed;
  s.chosen = chosen_settings(app);

  if (o.validation >= 1 && o.validation != std::floor(o.validation)) {
    wrong_usage("--validation", "found '" + number_text(o.validation) +
                                    "', expected a share below 1 or a whole number of images");
  }
  if (o.fold.count > 0 && o.validation > 0) {
    wrong_usage("--fold", "found with --validation, expected one of them: both say what is held out");
  }
  if (o.fold.count == 0 && o.validation == 0 && o.training.patience > 0) {
    wrong_usage("--patience",
                "found without --validation or --fold, expected one of them: there is no "
                "validation loss to watch");
  }
  if (o.outliers > 0 && s.is_default_output) o.output = with_safetensors(o.output);
  if (o.outliers > 0 && !names_safetensors(o.output)) {
    throw Error(o.output,
                "a .bin cannot say which class --outliers are, expected a path that ends in .safetensors");
  }
  if (!s.is_default_output && !app.is_given("--log")) {
    o.log = (std::filesystem::path("logs") / std::filesystem::path(o.output).stem()).string() + ".txt";
  }
  o.settled = settled;
  if (!is_first()) {
    o.quiet = true;
    o.log = o.log_json = o.checkpoint_dir = o.save_config = "";
    return;
  }
  if (o.show_network || o.save_config == "-") {
    o.quiet = true;
    return;
  }
  check_files(o, o.output);
  check_ending(o.output);
  for (const std::string& log : {o.log, o.log_json}) {
    if (!log.empty()) check_writable(log);
  }
  if (!o.save_config.empty()) write_atomically(o.save_config, json_text(o.settled->settings, 2) + "\n");
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

void add_run_options(Options& app, RunOptions& o, const std::vector<std::string>& replaced) {
  app.group("Network");
  app.text("--layers", o.layers,
           "layers of the network, as in \"conv 16 3x3, relu, max-pool 2, dense classes\"");
  app.path("--init-from", o.init_from, "model file whose network and weights training starts from [none]");
  app.exclude("--init-from", "--layers");
  for (const std::string& option : replaced) {
    app.exclude("--layers", option);
    app.exclude("--init-from", option);
  }
  app.choice<Init>("--init", o.init, "how weights start", {kInitNames.begin(), kInitNames.end()});
  app.flag("--show-network", o.show_network, "print the network, a line a layer, and exit");
  app.flag("--no-fusions", o.no_fusions, "train layer by layer, without the faster fusions of several");
  app.group("Training");
  app.word("--preset", o.preset, "options for a purpose; --save-config - shows them, those given here win",
           preset_names(app.name()));
  app.number("--epochs", o.training.epochs,
             "passes over the training images; by default at least 2000 steps for data that make_idx made", 1,
             1'000'000);
  app.number("--batch-size", o.training.batch_size, "images per step", 1, 65'536);
  app.number(
      "--shards", o.training.shards,
      "parts of each batch whose gradients are summed in a fixed order, so that any number of processes "
      "gives the same bits; 0 for whole batches, " +
          std::to_string(kShards) + " by default with mpirun",
      0, 65'536);
  app.number("--lr", o.training.learning_rate,
             "learning rate, " + number_text(kAdamRate) + " by default with adam and adamw", 1e-12, 1e6);
  app.number("--label-smoothing", o.training.label_smoothing,
             "share of a label's probability that all classes get", 0, 0.99);
  app.number("--ema", o.training.average_decay,
             "exponential moving average of the weights, which is what is tested and saved: its decay at a "
             "step, 0 for none",
             0, 0.999999);
  add_optimizer(app, o.training.optimizer);
  add_schedule(app, o.training.schedule);
  add_validation(app, o);
  add_augment(app, o.augment);
  app.number(
      "--redrawn", o.redrawn,
      "digits added to the training images, with pens of 1 to 6.5 pixels and in forms that MNIST hardly "
      "has, such as a crossed 7; as a share of the images",
      0, 1);
  app.number("--outliers", o.outliers,
             "drawings of non-digits, made of the training images, which the network learns as a class of "
             "their own; as a share of the images",
             0, 1);
  add_data_options(app, o.data, {.class_names = true, .classes = true, .train = true, .test = true});
  app.group("Run");
  app.seed(o.seed);
  app.threads(o.threads);
  app.group("Files");
  app.path("--output", o.output, "model file to write; .safetensors says more than .bin");
  app.log("--log", o.log, "a row an epoch");
  app.log("--log-json", o.log_json, "a JSON object a line");
  app.number("--log-every", o.log_every, "of --log-json: a line every so many batches, too", 0,
             1'000'000'000);
  app.path("--checkpoint-dir", o.checkpoint_dir,
           "folder for checkpoints, from which --resume goes on [none]");
  app.number("--checkpoint-every", o.checkpoint_every, "epochs between two checkpoints", 1, 1'000'000);
  app.number("--checkpoint-keep", o.checkpoint_keep, "epochs whose checkpoints are kept", 1, 1'000'000);
  app.path("--resume", o.resume, "checkpoint to go on from, or a folder with the latest one");
  app.path("--config", o.config, "JSON file with options; those given here win");
  app.path("--save-config", o.save_config, "JSON file to write all options to, - to print them and exit");
  app.flag("--quiet", o.quiet, "print the test accuracy only");
}

int run(Options& app, RunOptions& options, int argc, char** argv, const std::function<int()>& body) {
  add_predict(app);
  add_evaluate(app);
  add_augment_command(app);
  return app.run(argc, argv, [&] {
    settle(app, options);
    const bool trains = !options.show_network && options.save_config != "-";
    if (trains) ignore_closed_pipes();
    if (options.save_config != "-") return body();
    std::printf("%s\n", json_text(options.settled->settings, 2).c_str());
    return kDone;
  });
}

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
  std::fputs(network.table().c_str(), stdout);
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
