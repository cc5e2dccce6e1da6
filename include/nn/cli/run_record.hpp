// What a run says of itself in the files that it writes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/cli/settings.hpp"
#include "nn/training/train.hpp"

namespace nn::cli {

struct RunRecord {
  std::string program{};
  Settings settings{};                     // in force, a "random" seed made a number
  std::vector<std::string> class_names{};  // none: the classes are called by their numbers

  // A model file's metadata. No time and no place: the same run gives the same bytes.
  std::map<std::string, std::string> metadata(const TrainingState& state) const {
    Settings options = Settings::object();
    for (const auto& [name, value] : settings.items()) {
      if (!is_beside_the_result(name)) options[name] = value;
    }
    std::vector<double> losses;
    for (const EpochReport& report : state.log) losses.push_back(report.loss);
    std::map<std::string, std::string> all{{"program", program},
                                           {"options", options.dump()},
                                           {"epoch", std::to_string(state.epoch)},
                                           {"losses", nlohmann::json(losses).dump()}};
    if (!class_names.empty()) all["class_names"] = nlohmann::json(class_names).dump();
    return all;
  }
};

}  // namespace nn::cli
