// The log of a run: one row an epoch, the same columns for every program.
#pragma once

#include <cstdio>
#include <span>
#include <string>

#include "nn/files/atomic_file.hpp"
#include "nn/training/report.hpp"

namespace nn {

// Comma-separated; a column that a run does not measure is "nan". numpy.loadtxt(path, delimiter=",") reads
// it. The file then holds these rows and no others; without a path or a row it is left alone. Throws Error if
// it cannot be written.
inline void save_loss_log(const std::string& path, std::span<const EpochReport> rows) {
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

}  // namespace nn
