// The one training loop, and the one evaluation.
#pragma once

#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/batches.hpp"
#include "nn/data/dataset.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/models/model.hpp"

namespace nn {

struct TrainingOptions {
  std::size_t epochs = 10;      // passes over the training images, >= 1
  std::size_t batch_size = 64;  // images per step, >= 1
  float learning_rate = 0.01f;  // > 0
};

// A row of the log. What a run does not measure is NaN.
struct EpochReport {
  static constexpr double not_measured = std::numeric_limits<double>::quiet_NaN();
  std::size_t epoch = 0;  // from 1
  double loss = 0;        // mean over the epoch's images, as the weights move
  double seconds = 0;     // of training, this epoch only
  double validation_loss = not_measured;
  double validation_accuracy = not_measured;  // 0 .. 1
  double test_accuracy = not_measured;        // 0 .. 1
  double learning_rate = 0;
};

// How train() tells what it is doing. Either may be empty.
struct TrainingObserver {
  // After every batch: epoch (from 1), images done and in all in this epoch, mean loss so far.
  std::function<void(std::size_t epoch, std::size_t done, std::size_t images, double loss)> on_batch;
  std::function<void(const EpochReport&)> on_epoch;
};

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Mini-batch gradient descent. Each epoch shuffles the images with `rng`, then visits each once. Throws Error
// when the loss is no longer a number.
template <Model M>
void train(M& model, const Dataset& data, const TrainingOptions& options, SimpleRng& rng, ThreadTeam& team,
           const TrainingObserver& observer = {}) {
  Batches batches(data, options.batch_size);
  Floats dlogits_room(options.batch_size * model.classes());
  for (std::size_t epoch = 1; epoch <= options.epochs; ++epoch) {
    const Stopwatch watch;
    double loss_sum = 0;
    std::size_t done = 0;
    batches.shuffle(rng);
    for (std::size_t b = 0; b < batches.count(); ++b) {
      const Batch batch = batches.batch(b, team);
      const std::span<const float> logits = model.forward(batch, team);               // (B, K)
      const std::span<float> dlogits = std::span(dlogits_room).first(logits.size());  // (B, K)
      loss_sum += softmax_cross_entropy(logits, batch.labels, dlogits);
      model.backward_and_descend(batch, dlogits, options.learning_rate, team);
      done += batch.size;
      if (observer.on_batch)
        observer.on_batch(epoch, done, batches.samples(), loss_sum / static_cast<double>(done));
    }
    const double loss = loss_sum / static_cast<double>(batches.samples());
    if (!std::isfinite(loss)) {
      throw Error("training", "the loss is " + std::to_string(loss) + " in epoch " + std::to_string(epoch) +
                                  ", expected a finite number; a smaller --lr helps");
    }
    EpochReport report{.epoch = epoch, .loss = loss, .seconds = watch.seconds()};
    report.learning_rate = static_cast<double>(options.learning_rate);
    if (observer.on_epoch) observer.on_epoch(report);
  }
}

struct Evaluation {
  std::size_t correct = 0, images = 0;
  double loss = 0;  // mean
  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(images); }
};

// Accuracy and loss of a model on a data set, in its own order.
template <Model M>
Evaluation evaluate(M& model, const Dataset& data, ThreadTeam& team, std::size_t batch_size = 64) {
  Batches batches(data, batch_size);
  const std::size_t classes = model.classes();
  Floats dlogits(batch_size * classes);
  Evaluation result{.correct = 0, .images = data.size(), .loss = 0};
  for (std::size_t b = 0; b < batches.count(); ++b) {
    const Batch batch = batches.batch(b, team);
    const std::span<const float> logits = model.forward(batch, team);
    result.loss += softmax_cross_entropy(logits, batch.labels, std::span(dlogits).first(logits.size()));
    for (std::size_t s = 0; s < batch.size; ++s) {
      result.correct += argmax(logits.subspan(s * classes, classes)) == batch.labels[s];
    }
  }
  result.loss /= static_cast<double>(data.size());
  return result;
}

}  // namespace nn
