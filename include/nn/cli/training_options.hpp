// The options that decide how a network is trained: the same words, ranges and defaults in every program.
#pragma once

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "nn/cli/options.hpp"
#include "nn/core/error.hpp"
#include "nn/data/augment.hpp"
#include "nn/training/optimizer.hpp"
#include "nn/training/schedule.hpp"
#include "nn/training/train.hpp"

namespace nn::cli {

inline void add_training(CLI::App& app, TrainingOptions& o) {
  begin_group(app, "Training");
  add_number<std::size_t>(app, "--epochs", o.epochs, "passes over the training images", 1, 1'000'000);
  add_number<std::size_t>(app, "--batch-size", o.batch_size, "images per step", 1, 65'536);
  add_number<double>(app, "--lr", o.learning_rate, "learning rate", 1e-12, 1e6);
}

inline void add_optimizer(CLI::App& app, OptimizerOptions& o) {
  begin_group(app, "Optimizer");
  using Kind = OptimizerKind;
  add_choice<Kind>(app, "--optimizer", o.kind, "how gradients move weights",
                   {{"sgd", Kind::sgd},
                    {"momentum", Kind::momentum},
                    {"nesterov", Kind::nesterov},
                    {"adam", Kind::adam},
                    {"adamw", Kind::adamw}});
  add_number<double>(app, "--momentum", o.momentum, "of momentum and nesterov", 0, 0.9999);
  add_number<double>(app, "--beta1", o.beta1, "of adam: decay of the mean gradient", 0, 0.9999);
  add_number<double>(app, "--beta2", o.beta2, "of adam: decay of the mean square", 0, 0.999999);
  add_number<double>(app, "--epsilon", o.epsilon, "of adam", 1e-30, 1);
  add_number<double>(app, "--weight-decay", o.weight_decay,
                     "weight decay: how fast parameters shrink towards 0", 0, 10);
  add_number<double>(app, "--clip-norm", o.clip_norm, "gradient clipping norm, 0 for no clipping", 0, 1e9);
}

inline void add_schedule(CLI::App& app, ScheduleOptions& s) {
  begin_group(app, "Learning-rate schedule");
  add_choice<Schedule>(app, "--schedule", s.kind, "learning-rate schedule",
                       {{"constant", Schedule::constant},
                        {"step", Schedule::step},
                        {"exponential", Schedule::exponential},
                        {"cosine", Schedule::cosine},
                        {"one-cycle", Schedule::one_cycle}});
  add_number<double>(app, "--warmup", s.warmup_epochs, "epochs in which the rate rises from 0", 0, 1e6);
  add_number<double>(app, "--step-epochs", s.step_epochs, "of step: epochs between two drops", 1e-3, 1e6);
  add_number<double>(app, "--gamma", s.gamma, "of step and exponential: factor", 1e-6, 1);
  add_number<double>(app, "--final-rate", s.final_fraction,
                     "of cosine and one-cycle: the last rate as a share of --lr", 0, 1);
  add_number<double>(app, "--rise", s.rise_fraction, "of one-cycle: share of the run in which the rate rises",
                     1e-3, 0.999);
}

// --validation: a share of the training images (below 1) or a count.
inline void add_validation(CLI::App& app, TrainingOptions& o, double& validation) {
  begin_group(app, "Validation");
  add_number<double>(app, "--validation", validation,
                     "training images held out to choose the best epoch, a share below 1 or a count", 0, 1e9)
      ->check([](const std::string& text) {
        const double value = detail::parse<double>(text).value_or(0);
        return value < 1 || value == std::floor(value)
                   ? std::string()
                   : "found '" + text + "', expected a share below 1 or a whole number of images";
      });
  add_number<std::size_t>(app, "--patience", o.patience,
                          "stop after so many epochs without a better validation loss, 0 for never", 0,
                          1'000'000);
  add_number<double>(app, "--min-delta", o.min_delta, "smallest fall of the loss that counts as better", 0,
                     1e9);
}

// How many of `images` training images --validation asks for. Throws Error if that is none or all.
inline std::size_t held_out(double validation, std::size_t images) {
  const double count = validation < 1 ? validation * static_cast<double>(images) : validation;
  const auto held_out = static_cast<std::size_t>(count + 0.5);
  if (held_out >= images || (held_out == 0 && validation > 0)) {
    throw Error("--validation", "of " + std::to_string(images) + " training images it holds out " +
                                    std::to_string(held_out) + ", expected at least one and not all");
  }
  return held_out;
}

inline void add_augment(CLI::App& app, AugmentOptions& augment) {
  begin_group(app, "Data");
  app.add_option_function<std::string>(
         "--augment", [&augment](const std::string& text) { augment = parse_augment(text); },
         "random changes of every training image: shift=PIXELS,rotate=DEGREES,scale=S,shear=S,"
         "elastic=SIGMA:ALPHA, each optional; for drawn digits "
         "shift=2,rotate=12,scale=0.12,shear=0.1,elastic=5:30")
      ->default_str("none")
      ->type_name("LIST")
      ->check([](const std::string& text) {
        try {
          parse_augment(text);
          return std::string();
        } catch (const Error& error) {  // "--augment: ...": CLI11 puts the option's name in front itself
          return std::string(error.what()).substr(std::string("--augment: ").size());
        }
      });
}

}  // namespace nn::cli
