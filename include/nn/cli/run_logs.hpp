// The logs of a run: --log with a row an epoch, --log-json with a JSON object a line.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/cli/options.hpp"
#include "nn/cli/run_files.hpp"
#include "nn/files/atomic_file.hpp"
#include "nn/training/evaluate.hpp"
#include "nn/training/json_log.hpp"
#include "nn/training/loss_log.hpp"
#include "nn/training/report_json.hpp"
#include "nn/training/train.hpp"

namespace nn::cli {

class RunLogs {
 public:
  // `path`: of --log, unless another one is given.
  explicit RunLogs(std::string path) : path_(path), standard_path_(std::move(path)) {}
  RunLogs(const RunLogs&) = delete;  // options refer to members
  RunLogs& operator=(const RunLogs&) = delete;

  void add_options(CLI::App& app) {
    add_log(app, "--log", path_, "a row an epoch");
    add_log(app, "--log-json", json_path_, "a JSON object a line");
    add_number<std::size_t>(app, "--log-every", every_, "of --log-json: a line every so many batches, too", 0,
                            1'000'000'000);
  }

  // Unless another path was given: a model of its own has a log of its own, logs/MODEL.txt.
  void name_after(const std::string& model) {
    if (path_ != standard_path_) return;
    path_ = (std::filesystem::path("logs") / std::filesystem::path(model).stem()).string() + ".txt";
  }

  // Of --log; "" for none.
  const std::string& path() const { return path_; }

  // All files that it writes.
  std::vector<RunFile> files() const { return {{"--log", path_}, {"--log-json", json_path_}}; }

  // `json`: the lines of the run's earlier part, if it is resumed. Throws Error if a file cannot be written.
  void open(std::string json) {
    if (!path_.empty()) check_writable(path_);
    json_ = JsonLog(json_path_);
    json_.set_text(std::move(json));
  }

  // All JSON lines so far.
  const std::string& json() const { return json_.text(); }

  // What is trained; a resumed run's earlier part has said it.
  void begin(const nlohmann::ordered_json& run) {
    if (json_.text().empty()) json_.add("run", run);
  }

  void batch_done(const BatchReport& report) {
    if (every_ != 0 && report.batch % every_ == 0) json_.add("batch", to_json(report));
  }

  // Writes both files after every epoch: others may be following them.
  void epoch_done(const TrainingState& state) {
    save_loss_log(path_, state.log);
    json_.add("epoch", to_json(state.log.back()));
    json_.save();
  }

  // `test`: of the model that is kept.
  void end(const TrainingState& state, Outcome outcome, const Evaluation& test) {
    constexpr const char* names[] = {"finished", "stopped early", "interrupted", "diverged"};
    save_loss_log(path_, state.log);
    json_.add("end", {{"outcome", names[static_cast<int>(outcome)]},
                      {"epoch", outcome == Outcome::interrupted ? state.epoch : state.best_epoch},
                      {"test_loss", number_or_null(test.loss)},
                      {"test_accuracy", test.accuracy()}});
    json_.save();
  }

 private:
  std::string path_, standard_path_, json_path_;
  std::size_t every_ = 0;
  JsonLog json_;
};

}  // namespace nn::cli
