// The checkpoints of a run: --checkpoint-dir, to which it saves them, and --resume, from which it goes on.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nn/cli/checkpoint_folder.hpp"
#include "nn/cli/options.hpp"
#include "nn/cli/run_files.hpp"
#include "nn/cli/run_record.hpp"
#include "nn/cli/say.hpp"
#include "nn/cli/settings.hpp"
#include "nn/core/error.hpp"
#include "nn/data/dataset.hpp"
#include "nn/files/json.hpp"
#include "nn/files/safetensors.hpp"
#include "nn/training/checkpoint.hpp"

namespace nn::cli {

class RunCheckpoints {
 public:
  RunCheckpoints() = default;
  RunCheckpoints(const RunCheckpoints&) = delete;  // options refer to members
  RunCheckpoints& operator=(const RunCheckpoints&) = delete;

  void add_options(CLI::App& app) {
    add_text(app, "--checkpoint-dir", dir_, "folder for checkpoints, from which --resume goes on [none]");
    add_number<std::size_t>(app, "--checkpoint-every", every_, "epochs between two checkpoints", 1,
                            1'000'000);
    add_number<std::size_t>(app, "--checkpoint-keep", keep_, "epochs whose checkpoints are kept", 1,
                            1'000'000);
    add_text(app, "--resume", resume_, "checkpoint to go on from, or a folder with the latest one");
  }

  // Where they are saved; "" for nowhere.
  const std::string& dir() const { return dir_; }

  // That the run goes on from; "" for a new run.
  std::string resumed() const { return checkpoint_ ? checkpoint_->path() : ""; }

  // Throws Error if one of these files is a checkpoint that is written.
  void check_apart_from(const std::vector<RunFile>& files) const {
    if (dir_.empty()) return;
    for (const RunFile& file : files) {
      if (CheckpointFolder::writes_to(file.path, dir_)) throw not_apart(file, "--checkpoint-dir");
    }
  }

  // With --resume: takes from the checkpoint the settings that were not given; those given must not change
  // the run. `now`: the settings in force. Throws Error if it is a checkpoint of another run, or none.
  void take_settings(CLI::App& app, const Settings& now) {
    if (resume_.empty()) return;
    checkpoint_.emplace(checkpoint_file(resume_));
    if (text("training").empty()) {
      throw Error(checkpoint_->path(),
                  "has no state of a run, expected a checkpoint, as --checkpoint-dir writes");
    }
    if (text("program") != app.get_name()) {
      throw Error(checkpoint_->path(),
                  "is a checkpoint of " + text("program") + ", expected one of " + app.get_name());
    }
    const Settings then = parse_json<Settings>(text("options"));
    if (!then.is_object()) throw Error(checkpoint_->path(), "the metadata \"options\" is no JSON object");
    std::string differences;
    for (const auto& [name, value] : then.items()) {
      const bool may_change = name == "epochs" || name == "patience" || name == "min-delta";
      if (may_change || is_beside_the_result(name) || !now.contains(name) || app.count("--" + name) == 0 ||
          now[name] == value)
        continue;
      differences += (differences.empty() ? "--" : "; --") + name + " " + value.dump() + " there, " +
                     now[name].dump() + " here";
    }
    if (!differences.empty())
      throw Error(checkpoint_->path(), "is of a run with other options: " + differences);
    apply_settings(app, then, checkpoint_->path());
    if (dir_.empty()) {
      const std::filesystem::path parent = std::filesystem::path(checkpoint_->path()).parent_path();
      dir_ = parent.empty() ? "." : parent.string();
    }
  }

  // The JSON log of the run's earlier part; "" for a new run.
  std::string json_log() const { return checkpoint_ ? text("log_json") : std::string(); }

  // With --resume: brings the model and `state` to where the checkpoint was. Throws Error if it is of another
  // network or of other training images, or damaged, and as CheckpointFolder does.
  template <Model M>
  void begin(M& model, TrainingState& state, const OptimizerOptions& optimizer, const Dataset& train_set,
             const Say& say) {
    if (checkpoint_) {
      load_checkpoint(*checkpoint_, model, state, optimizer);
      const std::string there = text("images_crc32"), here = std::to_string(crc32(train_set));
      if (there != here) {
        throw Error(checkpoint_->path(), "is of a run with other training images: checksum " + there +
                                             " there, " + here + " here");
      }
      say("resuming %s: %zu epochs and %zu batches are done\n", checkpoint_->path().c_str(), state.epoch,
          state.batch);
    }
    if (dir_.empty()) return;
    folder_.emplace(dir_, keep_, checkpoint_.has_value());
    images_crc_ = crc32(train_set);
  }

  // Saves one if it is time: the epoch's, perhaps the best one, and the latest. `epochs`: of the whole run.
  template <Model M>
  void epoch_done(M& model, const TrainingState& state, std::size_t epochs, const RunRecord& record,
                  const std::string& json_log) const {
    if (!folder_ || (state.epoch % every_ != 0 && state.epoch != epochs)) return;
    folder_->save_epoch(state.epoch, state.best_epoch == state.epoch, [&](const std::string& path) {
      save_checkpoint(path, model, state, metadata(record, state, json_log));
    });
  }

  // Saves the latest, amid an epoch.
  template <Model M>
  void interrupted(M& model, const TrainingState& state, const RunRecord& record,
                   const std::string& json_log) const {
    if (folder_) save_checkpoint(folder_->latest(), model, state, metadata(record, state, json_log));
  }

 private:
  // The metadata of the checkpoint to go on from that has this key, or nothing.
  std::string text(const char* key) const {
    const auto found = checkpoint_->metadata().find(key);
    return found == checkpoint_->metadata().end() ? std::string() : found->second;
  }

  // Of a checkpoint: with the places of all files, so that --resume needs no other option.
  std::map<std::string, std::string> metadata(const RunRecord& record, const TrainingState& state,
                                              const std::string& json_log) const {
    Settings options = record.settings;
    options.erase("threads");
    options.erase("quiet");
    std::map<std::string, std::string> all = record.metadata(state);
    all["options"] = options.dump();
    all["log_json"] = json_log;
    all["images_crc32"] = std::to_string(images_crc_);
    return all;
  }

  std::string dir_, resume_;
  std::size_t every_ = 1, keep_ = 3;
  std::optional<Safetensors> checkpoint_;
  std::optional<CheckpointFolder> folder_;
  std::uint32_t images_crc_ = 0;  // crc32() of the training images
};

}  // namespace nn::cli
