// The log of a run: one row an epoch, the same columns for every program.
#pragma once

#include <cstdio>
#include <string>

#include "nn/files/atomic_file.hpp"
#include "nn/training/train.hpp"

namespace nn {

// Comma-separated; a column that a run does not measure is "nan". numpy.loadtxt(path, delimiter=",") reads
// it.
class LossLog {
 public:
  // Empty path: nothing is written. Throws Error if the path cannot be written.
  explicit LossLog(std::string path) : path_(std::move(path)) {
    if (!path_.empty()) check_writable(path_);
  }

  // A row more, in memory.
  void add(const EpochReport& r) {
    char row[256];
    std::snprintf(row, sizeof row, "%zu,%.6f,%.6f,%.6f,%.6f,%.6f,%.9g\n", r.epoch, r.loss, r.seconds,
                  r.validation_loss, r.validation_accuracy, r.test_accuracy, r.learning_rate);
    text_ += row;
  }

  // The file then holds this run's rows and no others. Throws Error if it cannot be written.
  void save() const {
    if (!path_.empty()) write_atomically(path_, text_);
  }

 private:
  std::string path_;
  std::string text_ = "# epoch,loss,seconds,val_loss,val_accuracy,test_accuracy,learning_rate\n";
};

}  // namespace nn
