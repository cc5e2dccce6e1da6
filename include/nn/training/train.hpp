// The one training loop, mini-batch gradient descent: src/nn/train.cpp has it on a page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/augment.hpp"
#include "nn/data/dataset.hpp"
#include "nn/network.hpp"
#include "nn/training/evaluate.hpp"
#include "nn/training/optimizer.hpp"
#include "nn/training/processes.hpp"
#include "nn/training/report.hpp"
#include "nn/training/schedule.hpp"
#include "nn/training/weight_average.hpp"

namespace nn {

struct TrainingOptions {
  std::size_t epochs = 10;      // passes over the training images, >= 1
  std::size_t batch_size = 64;  // images per step, >= 1
  double learning_rate = 0.01;  // > 0; the highest one, where there is a schedule
  double label_smoothing = 0;   // in [0, 1): how much of a label's probability all classes share
  double average_decay = 0;     // in [0, 1): of the average of the weights (weight_average.hpp); 0: none
  OptimizerOptions optimizer{};
  ScheduleOptions schedule{};
  std::size_t patience = 0;  // stop after so many epochs without a better validation loss; 0: never
  double min_delta = 0;      // what counts as better, at least
  std::size_t shards = 0;  // parts of each batch, summed in a fixed order (shards.hpp); 0: the batch is whole
};

// What a run learns from and what it watches; which images it learns from is TrainingState::order. Owns no
// image.
struct TrainingData {
  const Dataset& images;
  std::vector<std::uint32_t> validation{};   // images of it to choose the best epoch by; may be empty
  const Dataset* test_each_epoch = nullptr;  // for the log only: it chooses nothing
  const Augmenter* augmenter = nullptr;      // null: the images as they are
};

// Where a run stands, between two batches; with the network and its optimizer's moments all of it. Where
// weights are averaged, validation, the best weights and the test are the average's.
struct TrainingState {
  TrainingState(SimpleRng rng_, std::vector<std::uint32_t> order_, const OptimizerOptions& optimizer_)
      : rng(rng_), order(std::move(order_)), optimizer(optimizer_) {}

  SimpleRng rng;                     // has drawn the weights
  std::vector<std::uint32_t> order;  // of the images, shuffled at the start of each epoch (epoch_order.hpp)
  Optimizer optimizer;
  std::size_t epoch = 0, batch = 0;                            // done; batches of the current epoch
  double loss_sum = 0, seconds = 0;                            // of the current epoch so far
  double best_loss = std::numeric_limits<double>::infinity();  // of validation
  std::size_t best_epoch = 0;
  WeightAverage average;             // of the steps so far; empty without
  std::vector<Floats> best_weights;  // network.state() after the best epoch; without validation, the last one
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
  interrupted,    // by the observer, after a whole batch: train() with the same state goes on from there; the
                  // network has the last step's weights, state.average their average
  diverged        // the loss is NaN or infinite
};

// Trains until options.epochs are done, with the other `processes` if there are any: then options.shards are
// at least as many. The network is then the best epoch's where there is validation, the last one's where
// there is none, and if it diverged the last one whose loss was finite.
Outcome train(Network& network, const TrainingData& data, const TrainingOptions& options,
              TrainingState& state, ThreadTeam& team, const TrainingObserver& observer = {},
              Processes& processes = this_process());

}  // namespace nn
