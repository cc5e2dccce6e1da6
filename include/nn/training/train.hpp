// The one training loop.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/augment.hpp"
#include "nn/data/batches.hpp"
#include "nn/data/dataset.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/models/model.hpp"
#include "nn/training/evaluate.hpp"
#include "nn/training/optimizer.hpp"
#include "nn/training/report.hpp"
#include "nn/training/schedule.hpp"

namespace nn {

struct TrainingOptions {
  std::size_t epochs = 10;      // passes over the training images, >= 1
  std::size_t batch_size = 64;  // images per step, >= 1
  double learning_rate = 0.01;  // > 0; the highest one, where there is a schedule
  OptimizerOptions optimizer{};
  ScheduleOptions schedule{};
  std::size_t patience = 0;  // stop after so many epochs without a better validation loss; 0: never
  double min_delta = 0;      // what counts as better, at least
};

// What a run learns from and what it watches; which images it learns from is TrainingState::order. Owns no
// image.
struct TrainingData {
  const Dataset& images;
  std::vector<std::uint32_t> validation{};   // images of it to choose the best epoch by; may be empty
  const Dataset* test_each_epoch = nullptr;  // for the log only: it chooses nothing
  const Augmenter* augmenter = nullptr;      // null: the images as they are
};

// Where a run stands, between two batches; with the model and its optimizer's moments all of it.
struct TrainingState {
  TrainingState(SimpleRng rng_, std::vector<std::uint32_t> order_, const OptimizerOptions& optimizer_)
      : rng(rng_), order(std::move(order_)), optimizer(optimizer_) {}

  SimpleRng rng;                     // has drawn the weights
  std::vector<std::uint32_t> order;  // of the images; shuffled in place, so each epoch's comes from the last
  Optimizer optimizer;
  std::size_t epoch = 0, batch = 0;                            // done; batches of the current epoch
  double loss_sum = 0, seconds = 0;                            // of the current epoch so far
  double best_loss = std::numeric_limits<double>::infinity();  // of validation
  std::size_t best_epoch = 0;
  std::vector<Floats>
      best_weights;  // of the best epoch; without validation, of the last one whose loss was finite
};

// How train() tells what it is doing, and is told to stop. Each may be empty.
struct TrainingObserver {
  // After every batch: epoch (from 1), images done and in all in this epoch, mean loss so far.
  std::function<void(std::size_t epoch, std::size_t done, std::size_t images, double loss)> on_batch;
  std::function<void(const EpochReport&)> on_epoch;
  std::function<bool()> wants_to_stop;  // asked after every batch
};

enum class Outcome {
  finished,
  stopped_early,  // patience ran out
  interrupted,    // by the observer, after a whole batch: train() with the same state goes on from there
  diverged        // the loss is no longer a number
};

template <Model M>
void copy_weights(M& model, std::vector<Floats>& weights) {
  weights.clear();
  for (const Tensor* t : model.tensors()) weights.push_back(t->value);
}

template <Model M>
void restore_weights(M& model, const std::vector<Floats>& weights) {
  for (std::size_t i = 0; i < weights.size(); ++i) model.tensors()[i]->value = weights[i];
}

// Mini-batch gradient descent until options.epochs are done. The model is then the best epoch's where there
// is validation, the last one's where there is none, and if it diverged the last one whose loss was a number.
template <Model M>
Outcome train(M& model, const TrainingData& data, const TrainingOptions& options, TrainingState& state,
              ThreadTeam& team, const TrainingObserver& observer = {}) {
  Batches batches(data.images, state.order, options.batch_size, data.augmenter);
  Floats dlogits_room(batches.largest() * model.classes());
  while (state.epoch < options.epochs) {
    const Stopwatch watch;
    const double seconds_before = state.seconds;
    const auto rate_at = [&](std::size_t batch) {
      const double done = static_cast<double>(batch) / static_cast<double>(batches.count());
      return learning_rate_at(options.schedule, options.learning_rate,
                              static_cast<double>(state.epoch) + done, static_cast<double>(options.epochs));
    };
    if (state.batch == 0) state.rng.shuffle(std::span(state.order));
    while (state.batch < batches.count()) {
      const Batch batch = batches.batch(state.batch, team, state.epoch);
      const std::span<const float> logits = model.forward(batch, team);               // (B, K)
      const std::span<float> dlogits = std::span(dlogits_room).first(logits.size());  // (B, K)
      state.loss_sum += softmax_cross_entropy(logits, batch.labels, dlogits);
      const float rate = static_cast<float>(rate_at(state.batch));
      if (state.optimizer.is_plain_descent()) {
        model.backward_and_descend(batch, dlogits, rate, team);
      } else {
        model.backward(batch, dlogits, team);
        state.optimizer.step(model.tensors(), rate, team);
      }

      ++state.batch;
      state.seconds = seconds_before + watch.seconds();
      const std::size_t done = std::min(state.batch * batches.largest(), batches.samples());
      if (observer.on_batch) {
        observer.on_batch(state.epoch + 1, done, batches.samples(),
                          state.loss_sum / static_cast<double>(done));
      }
      if (!std::isfinite(state.loss_sum)) break;
      if (observer.wants_to_stop && observer.wants_to_stop()) return Outcome::interrupted;
    }

    EpochReport report{.epoch = state.epoch + 1, .seconds = state.seconds};
    report.loss = state.loss_sum / static_cast<double>(batches.samples());
    report.learning_rate = rate_at(batches.count() - 1);
    ++state.epoch;
    state.batch = 0;
    state.loss_sum = state.seconds = 0;
    if (!data.validation.empty()) {
      const Evaluation validation = evaluate(model, data.images, data.validation, team);
      report.validation_loss = validation.loss;
      report.validation_accuracy = validation.accuracy();
    }
    if (!std::isfinite(report.loss) || std::isinf(report.validation_loss) ||
        (!data.validation.empty() && std::isnan(report.validation_loss))) {
      restore_weights(model, state.best_weights);
      return Outcome::diverged;
    }
    if (data.test_each_epoch) report.test_accuracy = evaluate(model, *data.test_each_epoch, team).accuracy();
    if (data.validation.empty() || report.validation_loss < state.best_loss - options.min_delta) {
      state.best_loss = report.validation_loss;
      state.best_epoch = state.epoch;
      copy_weights(model, state.best_weights);
    }
    if (observer.on_epoch) observer.on_epoch(report);
    if (options.patience > 0 && state.epoch - state.best_epoch >= options.patience) break;
  }
  if (state.best_epoch != state.epoch) restore_weights(model, state.best_weights);
  return state.epoch < options.epochs ? Outcome::stopped_early : Outcome::finished;
}

}  // namespace nn
