// A folder of checkpoints: latest.safetensors, best.safetensors, and the last few epochs'.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace nn {

class CheckpointFolder {
 public:
  // Keeps the newest `keep` >= 1 epochs. `resumes`: it may hold an earlier part of this run. Throws Error if
  // it holds another run's checkpoints, if another run is using it or if nothing can be written there.
  CheckpointFolder(std::string path, std::size_t keep, bool resumes);

  std::string latest() const;

  // After an epoch: write(latest()) makes the checkpoint, which becomes the epoch's and perhaps the best one,
  // too. Older epochs go.
  void save_epoch(std::size_t epoch, bool is_best,
                  const std::function<void(const std::string& path)>& write) const;

  // Whether this is the name of a file in such a folder.
  static bool is_checkpoint(std::string_view name);

 private:
  std::string path_;
  std::size_t keep_;
  std::shared_ptr<void> lock_;  // keeps other runs out as long as it lives
};

// The checkpoint that PATH means: PATH itself, or the latest one of the folder PATH.
std::string checkpoint_file(const std::string& path);

}  // namespace nn
