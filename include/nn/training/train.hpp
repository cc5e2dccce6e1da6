// The one training loop.
#pragma once

#include <algorithm>
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
  std::vector<Floats> best_weights;  // of the best epoch; without validation, of the last one that had a loss
  std::vector<EpochReport> log;      // of the epochs done
};

// How train() tells what it is doing, and is told to stop. Each may be empty.
struct TrainingObserver {
  std::function<void(const BatchReport&)> on_batch;
  std::function<void()> on_epoch;       // its report is the last of the state's log
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

// The learning rate of the step after `batch` of an epoch's `batches`.
inline double learning_rate_at(const TrainingOptions& o, std::size_t epoch, std::size_t batch,
                               std::size_t batches) {
  const double done = static_cast<double>(epoch) + static_cast<double>(batch) / static_cast<double>(batches);
  return learning_rate_at(o.schedule, o.learning_rate, done, static_cast<double>(o.epochs));
}

// Whether the weights and the loss of the epoch's last batch are numbers after its step, which the epoch's
// own loss does not tell.
template <Model M>
bool is_sound(M& model, Batches& batches, std::size_t epoch, ThreadTeam& team) {
  for (const Tensor* t : model.tensors()) {
    if (!finite(std::span<const float>(t->value))) return false;
  }
  const Batch batch = batches.batch(batches.count() - 1, team, epoch);
  const std::span<const float> logits = model.forward(batch, team);
  Floats dlogits(logits.size());
  return std::isfinite(softmax_cross_entropy(logits, batch.labels, dlogits));
}

// After an epoch's last batch: what it came to goes into the log, and the weights are kept if they are the
// best. False, and the last good weights restored, if a loss is no longer a number.
template <Model M>
bool finish_epoch(M& model, const TrainingData& data, const TrainingOptions& options, TrainingState& state,
                  Batches& batches, ThreadTeam& team) {
  EpochReport report{.epoch = state.epoch + 1, .seconds = state.seconds};
  report.loss = state.loss_sum / static_cast<double>(batches.samples());
  report.learning_rate = learning_rate_at(options, state.epoch, batches.count() - 1, batches.count());
  ++state.epoch;
  state.batch = 0;
  state.loss_sum = state.seconds = 0;
  bool diverged = !std::isfinite(report.loss) || !is_sound(model, batches, state.epoch - 1, team);
  if (!data.validation.empty() && !diverged) {
    const Evaluation validation = evaluate(model, data.images, data.validation, team);
    report.validation_loss = validation.loss;
    report.validation_accuracy = validation.accuracy();
    diverged = !std::isfinite(validation.loss);
  }
  if (diverged) {
    restore_weights(model, state.best_weights);
    return false;
  }
  if (data.test_each_epoch) report.test_accuracy = evaluate(model, *data.test_each_epoch, team).accuracy();
  if (data.validation.empty() || report.validation_loss < state.best_loss - options.min_delta) {
    state.best_loss = report.validation_loss;
    state.best_epoch = state.epoch;
    copy_weights(model, state.best_weights);
  }
  state.log.push_back(report);
  return true;
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
    if (state.batch == 0) state.rng.shuffle(std::span(state.order));
    while (state.batch < batches.count()) {
      Batch batch = batches.batch(state.batch, team, state.epoch);
      batch.step = state.epoch * batches.count() + state.batch + 1;
      const std::span<const float> logits = model.forward(batch, team);               // (B, K)
      const std::span<float> dlogits = std::span(dlogits_room).first(logits.size());  // (B, K)
      state.loss_sum += softmax_cross_entropy(logits, batch.labels, dlogits);
      const double rate = learning_rate_at(options, state.epoch, state.batch, batches.count());
      if (state.optimizer.is_plain_descent()) {
        model.backward_and_descend(batch, dlogits, static_cast<float>(rate), team);
      } else {
        model.backward(batch, dlogits, team);
        state.optimizer.step(model.tensors(), static_cast<float>(rate), team);
      }

      ++state.batch;
      state.seconds = seconds_before + watch.seconds();
      if (observer.on_batch) {
        const std::size_t done = std::min(state.batch * batches.largest(), batches.samples());
        const double loss = state.loss_sum / static_cast<double>(done);
        observer.on_batch({state.epoch + 1, state.batch, done, batches.samples(), loss, rate, state.seconds});
      }
      if (!std::isfinite(state.loss_sum)) break;
      if (observer.wants_to_stop && observer.wants_to_stop()) return Outcome::interrupted;
    }
    if (!finish_epoch(model, data, options, state, batches, team)) return Outcome::diverged;
    if (observer.on_epoch) observer.on_epoch();
    if (options.patience > 0 && state.epoch - state.best_epoch >= options.patience) break;
  }
  if (state.best_epoch != state.epoch) restore_weights(model, state.best_weights);
  return state.epoch < options.epochs ? Outcome::stopped_early : Outcome::finished;
}

}  // namespace nn
