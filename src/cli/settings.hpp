// The settings of a run as JSON: one key for each option, named as it is, without the dashes.
//
//   {"epochs": 10, "lr": 0.01, "optimizer": "sgd", "hidden": "256,64", "transpose": false, ...}
//
// --save-config writes them, --config reads them, and models and checkpoints carry those that affect weights.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "cli/options.hpp"
#include "nn/files/safetensors.hpp"

namespace nn::cli {

using Settings = nlohmann::ordered_json;

// Whether a setting has a say in the weights that come out; others say where things are, what is shown, how
// fast it goes.
bool affects_weights(std::string_view name);

// The settings in force: what was given, and the defaults of what was not. Not those that have no value, nor
// those that another one given takes the place of.
Settings settings_of(const Options& options);

// What affects the weights and is not as by default, as one would type it: " --lr 0.1 --transpose".
std::string chosen_settings(const Options& options);

// Sets every option that was not given before, nor another in its place. Throws Error, naming `source`, for a
// name that no option has and for a value that its option refuses, even if another one was given.
void apply_settings(Options& options, const Settings& settings, const std::string& source);

// The same with those of a checkpoint to go on from; those given must not change the run. Throws Error, too,
// if it is a checkpoint of another program, or none.
void apply_checkpoint(Options& options, const Safetensors& checkpoint);

// Throws Error if the file is not a JSON object with each name once.
Settings read_settings(const std::string& path);

}  // namespace nn::cli
