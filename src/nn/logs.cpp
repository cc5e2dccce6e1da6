#include "nn/training/logs.hpp"

#include <cmath>
#include <cstdio>
#include <utility>

#include <nlohmann/json.hpp>

#include "nn/files/atomic_file.hpp"
#include "nn/files/json.hpp"

namespace nn {

void save_loss_log(const std::string& path, std::span<const EpochReport> rows) {
  if (path.empty() || rows.empty()) return;
  std::string text = "# epoch,loss,seconds,val_loss,val_accuracy,test_accuracy,learning_rate\n";
  for (const EpochReport& r : rows) {
    char row[256];
    std::snprintf(row, sizeof row, "%zu,%.6f,%.6f,%.6f,%.6f,%.6f,%.7g\n", r.epoch, r.loss, r.seconds,
                  r.validation_loss, r.validation_accuracy, r.test_accuracy, r.learning_rate);
    text += row;
  }
  write_atomically(path, text);
}

JsonLog::JsonLog(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {}

void JsonLog::add(const char* event, const nlohmann::ordered_json& what) {
  if (path_.empty()) return;
  nlohmann::ordered_json line = {{"event", event}};
  line.update(what);
  text_ += json_text(line) + "\n";
}

void JsonLog::save() const {
  if (!path_.empty()) write_atomically(path_, text_);
}

nlohmann::ordered_json number_or_null(double x) {
  return std::isfinite(x) ? nlohmann::ordered_json(x) : nlohmann::ordered_json();
}

std::uint64_t whole_number(const nlohmann::json& object, const char* key) {
  return object.at(key).get_ref<const nlohmann::json::number_unsigned_t&>();
}

nlohmann::ordered_json to_json(const EpochReport& r) {
  return {{"epoch", r.epoch},
          {"loss", number_or_null(r.loss)},
          {"seconds", r.seconds},
          {"val_loss", number_or_null(r.validation_loss)},
          {"val_accuracy", number_or_null(r.validation_accuracy)},
          {"test_accuracy", number_or_null(r.test_accuracy)},
          {"learning_rate", r.learning_rate}};
}

nlohmann::ordered_json to_json(const BatchReport& r) {
  return {{"epoch", r.epoch},        {"batch", r.batch},
          {"images", r.images_done}, {"loss", number_or_null(r.loss)},
          {"seconds", r.seconds},    {"learning_rate", r.learning_rate}};
}

EpochReport epoch_report(const nlohmann::json& row) {
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

}  // namespace nn
