// The log of a run: one row an epoch, the same columns for every program.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "nn/files/atomic_file.hpp"
#include "nn/training/report.hpp"

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
  void add(const EpochReport& report) { rows_.push_back(report); }

  bool empty() const { return rows_.empty(); }

  // What the test at the end of a run found, in the row of the epoch whose model was tested.
  void set_test_accuracy(std::size_t epoch, double accuracy) {
    for (EpochReport& r : rows_) {
      if (r.epoch == epoch) r.test_accuracy = accuracy;
    }
  }

  // The file then holds this run's rows and no others; without a row it is left alone. Throws Error if it
  // cannot be written.
  void save() const {
    if (path_.empty() || rows_.empty()) return;
    std::string text = "# epoch,loss,seconds,val_loss,val_accuracy,test_accuracy,learning_rate\n";
    for (const EpochReport& r : rows_) {
      char row[256];
      std::snprintf(row, sizeof row, "%zu,%.6f,%.6f,%.6f,%.6f,%.6f,%.7g\n", r.epoch, r.loss, r.seconds,
                    r.validation_loss, r.validation_accuracy, r.test_accuracy, r.learning_rate);
      text += row;
    }
    write_atomically(path_, text);
  }

 private:
  std::string path_;
  std::vector<EpochReport> rows_;
};

}  // namespace nn
