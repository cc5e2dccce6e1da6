#include "cli/presets.hpp"

#include <array>
#include <string_view>

#include <nlohmann/json.hpp>

#include "nn/files/json.hpp"

namespace nn::cli {

namespace {

struct Preset {
  std::string_view program, name, settings;  // JSON
};

// The fast ones were found with held-out training images (tools/accuracy.py --held-out).
constexpr std::array kPresets{
    Preset{"mnist_mlp", "fast", R"({
      "hidden": "512,128", "activation": "gelu", "init": "he", "label-smoothing": 0.1,
      "optimizer": "adamw", "weight-decay": 0.05, "lr": 0.008, "beta1": 0.85, "beta2": 0.95,
      "batch-size": 256, "schedule": "one-cycle", "rise": 0.15, "epochs": 7,
      "augment": "shift=1,rotate=10,scale=0.1,shear=0.1,elastic=5:20"})"},
    Preset{"mnist_mlp", "best", R"({
      "hidden": "1024,128", "init": "he",
      "optimizer": "adamw", "weight-decay": 0.05, "lr": 0.006,
      "batch-size": 256, "schedule": "one-cycle", "epochs": 200,
      "augment": "shift=1,rotate=12,scale=0.12,shear=0.12,elastic=5:30"})"},
    Preset{"mnist_mlp", "drawing", R"({
      "hidden": "512,128", "activation": "gelu", "init": "he", "label-smoothing": 0.1,
      "optimizer": "adamw", "weight-decay": 0.05, "lr": 0.008, "beta1": 0.85, "beta2": 0.95,
      "batch-size": 256, "schedule": "one-cycle", "rise": 0.15, "epochs": 12,
      "augment": "shift=1,rotate=12,scale=0.12,shear=0.12,elastic=5:20",
      "redrawn": 0.5, "outliers": 0.05})"},
    Preset{"mnist_cnn", "fast",
           R"({
      "layers": "conv 16 3x3, max-pool 2, batch-norm, relu, conv 32 3x3, max-pool 2, batch-norm, relu, )"
           R"(conv 64 3x3, batch-norm, relu, dense classes", "label-smoothing": 0.1,
      "optimizer": "adamw", "weight-decay": 0.02, "lr": 0.006, "beta1": 0.85, "beta2": 0.95,
      "batch-size": 128, "schedule": "one-cycle", "rise": 0.2, "epochs": 3,
      "augment": "shift=1,rotate=8,scale=0.08,shear=0.08"})"},
    Preset{
        "mnist_cnn", "best",
        R"({
      "layers": "conv 24 3x3, max-pool 2, batch-norm, relu, conv 48 3x3, max-pool 2, batch-norm, relu, )"
        R"(conv 96 3x3, batch-norm, relu, conv 96 3x3, batch-norm, relu, dense classes", "label-smoothing": 0.1,
      "optimizer": "adamw", "weight-decay": 0.02, "lr": 0.006, "beta1": 0.85, "beta2": 0.95,
      "batch-size": 128, "schedule": "one-cycle", "rise": 0.2, "epochs": 24,
      "augment": "shift=1.5,rotate=12,scale=0.12,shear=0.12"})"},
    Preset{"mnist_cnn", "drawing",
           R"({
      "layers": "conv 16 3x3, max-pool 2, batch-norm, relu, conv 32 3x3, max-pool 2, batch-norm, relu, )"
           R"(conv 64 3x3, batch-norm, relu, dense classes", "label-smoothing": 0.1,
      "optimizer": "adamw", "weight-decay": 0.02, "lr": 0.006, "beta1": 0.85, "beta2": 0.95,
      "batch-size": 128, "schedule": "one-cycle", "rise": 0.2, "epochs": 8,
      "augment": "shift=1,rotate=12,scale=0.12,shear=0.12,elastic=5:20",
      "redrawn": 0.5, "outliers": 0.05})"},
    Preset{
        "mnist_attention_pool", "fast",
        R"({
      "layers": "conv 16 3x3, max-pool 2, batch-norm, relu, conv 32 3x3, max-pool 2, batch-norm, relu, )"
        R"(patches 1 32, position learned, residual(layer-norm, attention 2 projection), )"
        R"(residual(layer-norm, dense 64, gelu, dense 32), layer-norm, mean, dense classes", "label-smoothing": 0.1,
      "optimizer": "adamw", "weight-decay": 0.02, "lr": 0.005, "beta1": 0.85, "beta2": 0.95,
      "batch-size": 128, "schedule": "one-cycle", "rise": 0.2, "epochs": 4,
      "augment": "shift=1,rotate=8,scale=0.08,shear=0.08"})"},
    Preset{
        "mnist_attention_pool", "best",
        R"({
      "layers": "conv 32 3x3, max-pool 2, batch-norm, relu, conv 64 3x3, max-pool 2, batch-norm, relu, )"
        R"(patches 1 64, position learned, residual(layer-norm, attention 4 projection), )"
        R"(residual(layer-norm, dense 128, gelu, dense 64), layer-norm, mean, dense classes", "label-smoothing": 0.1,
      "optimizer": "adamw", "weight-decay": 0.02, "lr": 0.003, "beta1": 0.85, "beta2": 0.95,
      "batch-size": 128, "schedule": "one-cycle", "rise": 0.2, "epochs": 30,
      "augment": "shift=1.5,rotate=12,scale=0.12,shear=0.12"})"},
    Preset{
        "mnist_attention_pool", "drawing",
        R"({
      "layers": "patches 4 48, position learned, repeat 2 (residual(layer-norm, attention 4 projection), )"
        R"(residual(layer-norm, dense 96, gelu, dense 48)), layer-norm, mean, dense classes", "label-smoothing": 0.1,
      "optimizer": "adamw", "weight-decay": 0.02, "lr": 0.004, "beta1": 0.85, "beta2": 0.95,
      "batch-size": 64, "schedule": "one-cycle", "rise": 0.2, "epochs": 8,
      "augment": "shift=1,rotate=12,scale=0.12,shear=0.12,elastic=5:20",
      "redrawn": 0.5, "outliers": 0.05})"},
};

}  // namespace

std::vector<std::string> preset_names(const std::string& program) {
  std::vector<std::string> names{"plain"};
  for (const Preset& p : kPresets) {
    if (p.program == program) names.emplace_back(p.name);
  }
  return names;
}

Settings preset(const std::string& program, const std::string& name) {
  for (const Preset& p : kPresets) {
    if (p.program == program && p.name == name) return parse_json<Settings>(p.settings);
  }
  return Settings::object();
}

}  // namespace nn::cli
