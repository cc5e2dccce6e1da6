#include "cli/presets.hpp"

#include <array>
#include <string_view>

#include <nlohmann/json.hpp>

namespace nn::cli {

namespace {

struct Preset {
  std::string_view program, name, settings;  // JSON
};

// What they reach is in the README, what each part of "best" adds, too. Found with held-out training images.
constexpr std::array kPresets{
    Preset{"mnist_mlp", "fast", R"({
      "hidden": "768", "init": "he", "optimizer": "adamw", "weight-decay": 0.05, "lr": 0.008,
      "batch-size": 256, "schedule": "one-cycle", "rise": 0.15, "epochs": 7,
      "augment": "shift=1,rotate=10,scale=0.1,shear=0.1,elastic=5:20"})"},
    Preset{"mnist_mlp", "best", R"({
      "hidden": "768,128", "init": "he", "optimizer": "adamw", "weight-decay": 0.05, "lr": 0.006,
      "batch-size": 256, "schedule": "one-cycle", "epochs": 250,
      "augment": "shift=1,rotate=12,scale=0.12,shear=0.12,elastic=5:30"})"},
};

}  // namespace

std::vector<std::string> preset_names() {
  return {"plain", "fast", "best", "drawing"};
}

Settings preset(const std::string& program, const std::string& name) {
  for (const Preset& p : kPresets) {
    if (p.program == program && p.name == name) return Settings::parse(p.settings);
  }
  return Settings::object();
}

}  // namespace nn::cli
