// A run's command line: its options, and what follows from them once presets, --config and --resume are
// known.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <utility>

#include "cli/commands.hpp"
#include "cli/presets.hpp"
#include "cli/processes.hpp"
#include "cli/progress.hpp"
#include "cli/settled.hpp"
#include "nn/core/error.hpp"
#include "nn/core/text.hpp"
#include "nn/files/atomic_file.hpp"
#include "nn/files/json.hpp"
#include "nn/training/checkpoint_folder.hpp"

namespace nn::cli {
namespace {

constexpr std::size_t kShards = 8;       // of a run with mpirun, unless they are given
constexpr double kAdamRate = 0.001;      // the learning rate of adam and adamw, unless it is given
constexpr std::size_t kMinSteps = 2000;  // of a run on pictures of one's own, which are few

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

// Whoever writes model.pt expects a format that nothing here has.
void check_ending(const std::string& output) {
  const std::string ending = std::filesystem::path(output).extension().string();
  if (ending.empty() || ending == ".bin" || names_safetensors(output)) return;
  wrong_usage("--output", output + " ends in " + ending + ", expected .bin or .safetensors");
}

// The options of --preset that nothing else gives.
void apply_preset(Options& app, const RunOptions& o) {
  Settings settings = preset(app.name(), o.preset);
  if (settings.contains("redrawn")) {  // which adds digits
    const std::optional<Preparation> prepared = beside_images(o.data).preparation;
    if (prepared && prepared->kind != Preparation::Kind::digits) settings.erase("redrawn");
  }
  apply_settings(app, settings, "--preset " + o.preset);
}

// Those of the run that goes on.
void apply_resumed(Options& app, RunOptions& o, RunOptions::Settled& s) {
  s.resumed.emplace(checkpoint_file(o.resume));
  apply_checkpoint(app, *s.resumed);
  s.json_log = s.resumed->text("log_json");
  if (!o.checkpoint_dir.empty()) return;
  const std::filesystem::path folder = std::filesystem::path(s.resumed->path()).parent_path();
  o.checkpoint_dir = folder.empty() ? "." : folder.string();
}

// Defaults that depend on other options, on the data or on how the program was started.
void apply_dependent_defaults(Options& app, const RunOptions& o) {
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
}

// Ends the program with a line where two options do not go together.
void check_together(const RunOptions& o) {
  const std::size_t shards = o.training.shards, count = processes().count();
  if (shards > 0 && shards < count) {
    wrong_usage("--shards", "found " + std::to_string(shards) + ", expected at least " +
                                std::to_string(count) + ", the number of processes");
  }
  if (shards > o.training.batch_size) {
    wrong_usage("--shards", "found " + std::to_string(shards) + ", expected at most --batch-size, " +
                                std::to_string(o.training.batch_size));
  }
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
}

// The files that the run writes, as far as they follow from one another.
void settle_files(const Options& app, RunOptions& o, bool is_default_output) {
  if (o.outliers > 0 && is_default_output) o.output = with_safetensors(o.output);
  if (o.outliers > 0 && !names_safetensors(o.output)) {
    throw Error(o.output,
                "a .bin cannot say which class --outliers are, expected a path that ends in .safetensors");
  }
  if (!is_default_output && !app.is_given("--log")) {
    o.log = (std::filesystem::path("logs") / std::filesystem::path(o.output).stem()).string() + ".txt";
  }
  if (!is_first()) o.log = o.log_json = o.checkpoint_dir = "";
}

// Once the command line is parsed: what --config, --preset and --resume add to it, and that all of it goes
// together.
void settle(Options& app, RunOptions& o) {
  const auto settled = std::make_shared<RunOptions::Settled>();
  settled->program = app.name();
  const bool output_given = app.is_given("--output");
  if (!o.config.empty()) apply_settings(app, read_settings(o.config), o.config);
  apply_preset(app, o);
  if (!o.resume.empty()) apply_resumed(app, o, *settled);
  apply_dependent_defaults(app, o);
  check_together(o);
  settled->is_default_output = !output_given && o.output == app.default_of("--output");
  settled->settings = settings_of(app);
  settled->settings["seed"] = o.seed;
  settled->chosen = chosen_settings(app);
  settle_files(app, o, settled->is_default_output);
  o.settled = settled;
  if (!is_first() || !o.trains()) {
    o.quiet = true;
    return;
  }
  check_files(o, o.output);
  check_ending(o.output);
  for (const std::string& log : {o.log, o.log_json}) {
    if (!log.empty()) check_writable(log);
  }
  if (!o.save_config.empty()) write_atomically(o.save_config, json_text(settled->settings, 2) + "\n");
}

}  // namespace

bool is_first() {
  return processes().rank() == 0;
}

std::string with_safetensors(const std::string& path) {
  return std::filesystem::path(path).replace_extension(".safetensors").string();
}

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
    if (options.trains()) ignore_closed_pipes();
    if (options.save_config != "-") return body();
    if (is_first()) std::printf("%s\n", json_text(options.settled->settings, 2).c_str());
    return kDone;
  });
}

}  // namespace nn::cli
