// The logs of a run: a table for people and numpy, JSON lines for machines.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "nn/training/report.hpp"

namespace nn {

// The table: one row an epoch, comma-separated, the same columns for every program; a column that a run does
// not measure is "nan". numpy.loadtxt(path, delimiter=",") reads it. The file then holds these rows and no
// others; without a path or a row it is left alone. Throws Error if it cannot be written.
void save_loss_log(const std::string& path, std::span<const EpochReport> rows);

// One JSON object a line, each with its "event": run, batch, epoch or end.
class JsonLog {
 public:
  // Empty path: nothing is kept or written. `text`: the lines of a resumed run's earlier part.
  explicit JsonLog(std::string path = "", std::string text = "");

  // A line more, in memory.
  void add(const char* event, const nlohmann::ordered_json& what);

  // The file then holds all lines so far. Throws Error if it cannot be written.
  void save() const;

  const std::string& text() const { return text_; }  // all lines so far

 private:
  std::string path_, text_;
};

// Reports as JSON, with the names of the table's columns; what was not measured is null.
nlohmann::ordered_json to_json(const EpochReport& report);
nlohmann::ordered_json to_json(const BatchReport& report);

// Throws nlohmann::json::exception if a column is missing or has another type.
EpochReport epoch_report(const nlohmann::json& row);

// A double in JSON, with all its bits; JSON has no NaN and no infinity: null.
nlohmann::ordered_json number_or_null(double x);

// The whole number >= 0 at a key, as parsed. Throws nlohmann::json::exception if there is none; get() would
// convert any number, even one that does not fit.
std::uint64_t whole_number(const nlohmann::json& object, const char* key);

}  // namespace nn
