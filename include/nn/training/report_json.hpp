// Reports as JSON, with the names of the log's columns; what was not measured is null.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "nn/training/report.hpp"

namespace nn {

// A double in JSON, with all its bits; JSON has no NaN and no infinity: null.
inline nlohmann::ordered_json number_or_null(double x) {
  return std::isfinite(x) ? nlohmann::ordered_json(x) : nlohmann::ordered_json();
}

inline nlohmann::ordered_json to_json(const EpochReport& r) {
  return {{"epoch", r.epoch},
          {"loss", number_or_null(r.loss)},
          {"seconds", r.seconds},
          {"val_loss", number_or_null(r.validation_loss)},
          {"val_accuracy", number_or_null(r.validation_accuracy)},
          {"test_accuracy", number_or_null(r.test_accuracy)},
          {"learning_rate", r.learning_rate}};
}

// The whole number >= 0 at a key, as parsed. Throws nlohmann::json::exception if there is none; get() would
// convert any number, even one that does not fit.
inline std::uint64_t whole_number(const nlohmann::json& object, const char* key) {
  return object.at(key).get_ref<const nlohmann::json::number_unsigned_t&>();
}

// Throws nlohmann::json::exception if a column is missing or is no number.
inline EpochReport epoch_report(const nlohmann::json& row) {
  const auto number = [&](const char* name) {
    return row.at(name).is_null() ? EpochReport::not_measured : row.at(name).get<double>();
  };
  return {.epoch = whole_number(row, "epoch"),
          .loss = number("loss"),
          .seconds = number("seconds"),
          .validation_loss = number("val_loss"),
          .validation_accuracy = number("val_accuracy"),
          .test_accuracy = number("test_accuracy"),
          .learning_rate = number("learning_rate")};
}

inline nlohmann::ordered_json to_json(const BatchReport& r) {
  return {{"epoch", r.epoch},        {"batch", r.batch},
          {"images", r.images_done}, {"loss", number_or_null(r.loss)},
          {"seconds", r.seconds},    {"learning_rate", r.learning_rate}};
}

}  // namespace nn
