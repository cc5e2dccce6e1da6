#include "nn/training/train.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>

#include "nn/data/batches.hpp"
#include "nn/data/epoch_order.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/training/shards.hpp"

namespace nn {

namespace {

void update_average(const Network& network, const TrainingOptions& options, TrainingState& state,
                    const Pass& pass) {
  if (options.average_decay > 0) {
    state.average.update(network.state(), options.average_decay, pass.step, pass.team);
  }
}

// One step: forward, loss, backward, update. Returns the sum of the batch's losses.
double train_step(Network& network, const Batch& batch, std::span<float> dlogits,
                  const TrainingOptions& options, TrainingState& state, float rate, const Pass& pass) {
  const std::span<const float> logits = network.forward(batch, pass);  // (B, K)
  const double loss_sum =
      softmax_cross_entropy(logits, batch.labels, dlogits, options.label_smoothing);  // and dlogits (B, K)
  if (state.optimizer.is_plain_sgd()) {
    network.backward_and_step(batch, dlogits, rate, pass);
  } else {
    network.backward(batch, dlogits, pass);
    state.optimizer.step(network.tensors(), rate, pass.team);
  }
  update_average(network, options, state, pass);
  return loss_sum;
}

// The same for batch `b` in shards.
Shards::Result train_step(Network& network, Shards& shards, Batches& batches, std::size_t b,
                          const TrainingOptions& options, TrainingState& state, float rate, const Pass& pass,
                          bool wants_to_stop) {
  const Shards::Result result =
      shards.backward(batches, b, state.epoch, options.label_smoothing, pass.step, wants_to_stop);
  state.optimizer.step(network.tensors(), rate, pass.team);
  update_average(network, options, state, pass);
  return result;
}

// The learning rate of the step after `batch` of an epoch's `batches`.
double rate_at(const TrainingOptions& o, std::size_t epoch, std::size_t batch, std::size_t batches) {
  const double done = static_cast<double>(epoch) + static_cast<double>(batch) / static_cast<double>(batches);
  return learning_rate_at(o.schedule, o.learning_rate, done, static_cast<double>(o.epochs));
}

void keep_weights(const Network& network, std::vector<Floats>& weights) {
  weights.clear();
  for (const Tensor* t : network.state()) weights.push_back(t->value);
}

void restore_weights(Network& network, const std::vector<Floats>& weights) {
  const std::vector<Tensor*> state = network.state();
  for (std::size_t i = 0; i < weights.size(); ++i) state[i]->value = weights[i];
}

// Whether the weights and the loss of the epoch's last batch are finite after its step, which the epoch's own
// loss does not tell.
bool is_finite(Network& network, Batches& batches, std::size_t epoch, ThreadTeam& team) {
  for (const Tensor* t : network.state()) {
    if (!finite(std::span<const float>(t->value))) return false;
  }
  const Batch batch = batches.batch(batches.count() - 1, team, epoch);
  const std::span<const float> logits = network.forward(batch, {team});
  Floats dlogits(logits.size());
  return std::isfinite(softmax_cross_entropy(logits, batch.labels, dlogits));
}

// After an epoch's last batch: what it came to goes into the log, and the weights are kept if they are the
// best. False, and the last good weights restored, if a loss is no longer finite.
bool finish_epoch(Network& network, const TrainingData& data, const TrainingOptions& options,
                  TrainingState& state, Batches& batches, ThreadTeam& team) {
  EpochReport report{.epoch = state.epoch + 1, .seconds = state.seconds};
  report.loss = state.loss_sum / static_cast<double>(batches.samples());
  report.learning_rate = rate_at(options, state.epoch, batches.count() - 1, batches.count());
  bool diverged = !std::isfinite(report.loss) || !is_finite(network, batches, state.epoch, team);
  state.average.swap(network.state());  // what is looked at from here on
  ++state.epoch;
  state.batch = 0;
  state.loss_sum = state.seconds = 0;
  if (!data.validation.empty() && !diverged) {
    const Evaluation validation = evaluate(network, data.images, data.validation, team);
    report.validation_loss = validation.loss;
    report.validation_accuracy = validation.accuracy();
    diverged = !std::isfinite(validation.loss);
  }
  if (diverged) {
    restore_weights(network, state.best_weights);
    return false;
  }
  if (data.test_each_epoch) report.test_accuracy = evaluate(network, *data.test_each_epoch, team).accuracy();
  if (data.validation.empty() || report.validation_loss < state.best_loss - options.min_delta) {
    state.best_loss = report.validation_loss;
    state.best_epoch = state.epoch;
    keep_weights(network, state.best_weights);
  }
  state.average.swap(network.state());
  state.log.push_back(report);
  return true;
}

}  // namespace

Outcome train(Network& network, const TrainingData& data, const TrainingOptions& options,
              TrainingState& state, ThreadTeam& team, const TrainingObserver& observer,
              Processes& processes) {
  Batches batches(data.images, state.order, options.batch_size, data.augmenter);
  const ShuffleParts parts = shuffle_parts(state.order.size(), data.images.image_size());
  Floats dlogits(batches.largest() * network.classes());  // (B, K)
  network.reserve(batches.largest());
  std::optional<Shards> shards;
  if (options.shards > 0) shards.emplace(network, options.shards, processes, team);

  while (state.epoch < options.epochs) {
    const Stopwatch watch;
    const double seconds_before = state.seconds;
    if (state.batch == 0) shuffle(state.order, parts, state.rng);

    while (state.batch < batches.count()) {
      const double rate = rate_at(options, state.epoch, state.batch, batches.count());
      const Pass pass{team, true, state.epoch * batches.count() + state.batch + 1};
      const auto wants_to_stop = [&] { return observer.wants_to_stop && observer.wants_to_stop(); };
      bool stop = false;
      if (shards && batches.size(state.batch) >= options.shards) {
        const Shards::Result result = train_step(network, *shards, batches, state.batch, options, state,
                                                 static_cast<float>(rate), pass, wants_to_stop());
        state.loss_sum += result.loss_sum;
        stop = result.wants_to_stop;
      } else {  // in shards: a last batch that has too few images for them, and that every process takes
                // whole
        const Batch batch = batches.batch(state.batch, team, state.epoch);
        state.loss_sum += train_step(network, batch, std::span(dlogits).first(batch.size * network.classes()),
                                     options, state, static_cast<float>(rate), pass);
      }
      ++state.batch;
      state.seconds = seconds_before + watch.seconds();

      if (observer.on_batch) {
        const std::size_t done = std::min(state.batch * batches.largest(), batches.samples());
        const double loss = state.loss_sum / static_cast<double>(done);
        observer.on_batch({state.epoch + 1, state.batch, done, batches.samples(), loss, rate, state.seconds});
      }
      if (!std::isfinite(state.loss_sum)) break;
      if (shards ? stop : wants_to_stop()) return Outcome::interrupted;
    }

    if (!finish_epoch(network, data, options, state, batches, team)) return Outcome::diverged;
    if (observer.on_epoch) observer.on_epoch();
    if (options.patience > 0 && state.epoch - state.best_epoch >= options.patience) break;
  }
  if (state.best_epoch != state.epoch || !state.average.empty()) restore_weights(network, state.best_weights);
  return state.epoch < options.epochs ? Outcome::stopped_early : Outcome::finished;
}

}  // namespace nn
