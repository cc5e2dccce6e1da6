// What a run tells of an epoch, and how it takes time.
#pragma once

#include <chrono>
#include <cstddef>
#include <limits>

namespace nn {

// A row of the log. What a run does not measure is NaN.
struct EpochReport {
  static constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();
  std::size_t epoch = 0;  // from 1
  double loss = 0;        // mean over the epoch's images, as the weights move
  double seconds = 0;     // of training, this epoch only
  double validation_loss = not_measured;
  double validation_accuracy = not_measured;  // 0 .. 1
  double test_accuracy = not_measured;        // 0 .. 1
  double learning_rate = 0;                   // of the epoch's last step
};

// Where a run is, after a batch.
struct BatchReport {
  std::size_t epoch = 0, batch = 0;         // from 1
  std::size_t images_done = 0, images = 0;  // of this epoch
  double loss = 0;                          // mean over the images done in this epoch
  double learning_rate = 0;                 // of this batch's step
  double seconds = 0;                       // of training, since the epoch began
};

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace nn
