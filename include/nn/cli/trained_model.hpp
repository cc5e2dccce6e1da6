// The model file that a command is given.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/core/error.hpp"
#include "nn/data/class_names.hpp"
#include "nn/files/json.hpp"
#include "nn/models/model_files.hpp"

namespace nn::cli {

// As load_model(); if there is no file, the Error says how `program` makes it.
inline AnyModel load_trained_model(const std::string& path, const std::string& program) {
  std::error_code reason;  // if it is there and cannot be read, load_model() says why
  if (std::filesystem::status(path, reason).type() == std::filesystem::file_type::not_found) {
    throw Error(path,
                "no such file, expected a trained model; make it with: " + program + " --output " + path);
  }
  return load_model(path);
}

// Of a model with finite weights that are yet too large.
inline Error no_number(const std::string& path) {
  return Error(path, "answers with something that is no number, expected a trained model");
}

inline std::size_t classes_of(const AnyModel& model) {
  return std::visit([](const auto& m) { return m.classes(); }, model);
}

// What its file says of a model; a .bin says nothing.
inline std::map<std::string, std::string> metadata_of_model(const std::string& path) {
  if (!holds_safetensors(path)) return {};
  return Safetensors(path).metadata();
}

// Whether it was trained with --transpose, and so sees images of a data set with rows and columns swapped.
inline bool is_transposed(const std::map<std::string, std::string>& metadata) {
  const auto options = metadata.find("options");
  if (options == metadata.end()) return false;
  const nlohmann::json json = parse_json(options->second);
  return json.is_object() && json.value("transpose", nlohmann::json()) == true;
}

// What a model's classes are called: as its file's metadata says; if that says nothing, "0", "1", ... The
// file `renamed` (may be "") has other names, except for a class of outliers. Throws Error if either is not a
// name for each class.
inline std::vector<std::string> class_names_of_model(const std::string& path, std::size_t classes,
                                                     const std::string& renamed) {
  std::vector<std::string> names = numbers_as_names(classes);
  const std::map<std::string, std::string> metadata = metadata_of_model(path);
  if (const auto found = metadata.find("class_names"); found != metadata.end()) {
    const nlohmann::json list = parse_json(found->second);
    const bool is_good = list.is_array() && list.size() == classes &&
                         std::ranges::all_of(list, [](const nlohmann::json& name) {
                           return name.is_string() && is_class_name(name.get_ref<const std::string&>());
                         });
    if (!is_good) {
      throw Error(path, "its metadata \"class_names\" is something else, expected a JSON list of " +
                            std::to_string(classes) + " names");
    }
    names = list.get<std::vector<std::string>>();
  }
  if (!renamed.empty()) {
    const std::size_t renamable = classes - has_outlier_class(names);
    std::ranges::move(load_class_names(renamed, renamable), names.begin());
  }
  return names;
}

}  // namespace nn::cli
