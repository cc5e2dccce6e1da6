#include "nn/training/checkpoint.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "nn/data/batches.hpp"
#include "nn/data/split.hpp"
#include "nn/files/model_files.hpp"
#include "nn/training/logs.hpp"
#include "temporary_folder.hpp"

using namespace nn;

namespace {

constexpr std::size_t kImages = 740, kHeldOut = 100;

const Dataset& images() {
  static const Dataset data = load_idx_dataset(NN_SOURCE_DIR "/data", "t10k", {.test_limit = kImages});
  return data;
}

// With every kind of state: dropout's masks, batch norm's running statistics.
Network network_of(std::size_t hidden, SimpleRng& rng) {
  return Network::input(784).dense(hidden).batch_norm().relu().dropout(0.2).dense(10).build(rng);
}

// A run that starts again with every object of this kind, as with every start of a program.
struct CheckpointedRun {
  explicit CheckpointedRun(const TrainingOptions& options_) : options(options_) {}

  TrainingOptions options;
  SimpleRng rng{7};
  Network model = network_of(12, rng);
  Split split = stratified_split(images(), kHeldOut, 7);
  TrainingState state{rng, split.training, options.optimizer};
  Augmenter augmenter{{.shift = 1, .rotate = 5}, 28, 28, 7};

  Outcome train(ThreadTeam& team, const std::function<bool()>& wants_to_stop = {}) {
    TrainingObserver observer;
    observer.wants_to_stop = wants_to_stop;
    return nn::train(model, {images(), split.validation, nullptr, &augmenter}, options, state, team,
                     observer);
  }
  std::string model_bytes(const test::TemporaryFolder& folder) {
    save_model(model, folder / "model.safetensors");
    return test::file_bytes(folder / "model.safetensors");
  }
};

// A checkpoint in the middle of the second epoch.
std::string some_checkpoint(const test::TemporaryFolder& folder, const TrainingOptions& options) {
  ThreadTeam team(1);
  CheckpointedRun run(options);
  std::size_t batches = 0;
  REQUIRE(run.train(team, [&] { return ++batches == 15; }) == Outcome::interrupted);
  save_checkpoint(folder / "checkpoint.safetensors", run.model, run.state, {});
  return folder / "checkpoint.safetensors";
}

const TrainingOptions kAdam{
    .epochs = 3, .batch_size = 64, .learning_rate = 0.003, .optimizer = {.kind = OptimizerKind::adam}};

// The checkpoint, changed by `change`, is refused with a message that holds `expected`.
void refuse(
    const std::function<void(SafetensorsWriter&, const Safetensors&, const std::string& name)>& change,
    const std::string& expected) {
  const test::TemporaryFolder folder;
  const Safetensors good(some_checkpoint(folder, kAdam));
  SafetensorsWriter file;
  for (const auto& [key, text] : good.metadata()) file.metadata(key, text);
  for (const auto& [name, info] : good.tensors()) {
    if (name == "order") {
      file.tensor(name, info.shape, good.values<std::uint32_t>(name));
    } else if (!name.starts_with("moment2.dense1.weight")) {
      file.tensor(name, info.shape, good.values<float>(name));
    }
  }
  change(file, good, "moment2.dense1.weight");
  file.save(folder / "bad.safetensors");
  CheckpointedRun run(kAdam);
  CHECK_THROWS_WITH(load_checkpoint(Safetensors(folder / "bad.safetensors"), run.model, run.state, kAdam),
                    test::contains("bad.safetensors: ") && test::contains(expected));
}

}  // namespace

TEST_CASE("a run killed at random batches and resumed from disk gives the same model, byte for byte") {
  SimpleRng chance(2026);
  std::size_t interruptions = 0;
  for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::momentum, OptimizerKind::nesterov,
                                   OptimizerKind::adam, OptimizerKind::adamw}) {
    for (const Schedule schedule :
         {Schedule::constant, Schedule::step, Schedule::exponential, Schedule::cosine, Schedule::one_cycle}) {
      TrainingOptions options{.epochs = 5, .batch_size = 64, .learning_rate = 0.01};
      options.optimizer = {.kind = kind, .weight_decay = 1e-4, .clip_norm = 5};
      options.schedule = {.kind = schedule, .warmup_epochs = 0.5};
      options.patience = 2;
      options.min_delta = 0.05;
      if (kind == OptimizerKind::sgd || kind == OptimizerKind::adamw) {
        options.average_decay = 0.9;
        options.label_smoothing = 0.1;
      }
      const test::TemporaryFolder folder;
      const std::string path = folder / "checkpoint.safetensors";
      ThreadTeam team(2);
      CheckpointedRun whole(options);
      const Outcome expected = whole.train(team);

      auto part = std::make_unique<CheckpointedRun>(options);
      const auto sometimes = [&] { return chance.below(20) == 0; };
      Outcome outcome;
      while ((outcome = part->train(team, sometimes)) == Outcome::interrupted) {
        ++interruptions;
        save_checkpoint(path, part->model, part->state, {});
        part = std::make_unique<CheckpointedRun>(options);
        load_checkpoint(Safetensors(path), part->model, part->state, options);
      }
      CHECK(outcome == expected);
      CHECK(part->model_bytes(folder) == whole.model_bytes(folder));
      REQUIRE(part->state.log.size() == whole.state.log.size());
      for (std::size_t i = 0; i < whole.state.log.size(); ++i) {
        CHECK(part->state.log[i].loss == whole.state.log[i].loss);
        CHECK(part->state.log[i].validation_loss == whole.state.log[i].validation_loss);
      }
    }
  }
  CHECK(interruptions >= 20);
}

TEST_CASE("a checkpoint is a model, too") {
  const test::TemporaryFolder folder;
  CHECK(load_model(some_checkpoint(folder, kAdam)).text() ==
        "dense 12, batch-norm, relu, dropout 0.2, dense 10");
}

TEST_CASE("a checkpoint of another network is refused with both") {
  const test::TemporaryFolder folder;
  const Safetensors file(some_checkpoint(folder, kAdam));
  CheckpointedRun run(kAdam);
  SimpleRng rng(7);
  Network other = network_of(16, rng);
  CHECK_THROWS_WITH(
      load_checkpoint(file, other, run.state, kAdam),
      test::contains("is a checkpoint of another network: dense 12, batch-norm, relu, dropout 0.2, "
                     "dense 10 for 784 pixels there, dense 16, batch-norm, relu, dropout 0.2, dense 10 "
                     "for 784 pixels here"));
}

TEST_CASE("a damaged checkpoint is refused") {
  const auto moment = [](SafetensorsWriter& file, const Safetensors& good, const std::string& name) {
    file.tensor(name, good.shape(name), good.values<float>(name));
  };
  const auto with_training = [&](const std::string& key, const nlohmann::json& value) {
    return [&, key, value](SafetensorsWriter& file, const Safetensors& good, const std::string& name) {
      moment(file, good, name);
      nlohmann::json training = nlohmann::json::parse(good.metadata().at("training"));
      training[key] = value;
      file.metadata("training", training.dump());
    };
  };
  refuse([](auto&, auto&, auto&) {}, "no tensor \"moment2.dense1.weight\"");
  refuse(
      [](SafetensorsWriter& file, const Safetensors& good, const std::string& name) {
        std::vector<float> values = good.values<float>(name);
        values[3] = std::numeric_limits<float>::quiet_NaN();
        file.tensor(name, good.shape(name), values);
      },
      "holds a NaN");
  refuse(with_training("rng", "x"), "the metadata \"training\" is damaged");
  refuse(with_training("log", 3), "the metadata \"training\" is damaged");
  refuse(with_training("epoch", 2), "contradicts itself: 2 epochs, a log of 1");
  refuse(with_training("best_epoch", 9), "contradicts itself: 1 epochs, a log of 1, the best epoch 9");
  refuse(with_training("best_epoch", 0), "contradicts itself: 1 epochs, a log of 1, the best epoch 0");
  for (const char* name : {"rng", "epoch", "batch", "optimizer_steps", "best_epoch"}) {
    for (const nlohmann::json& value : {nlohmann::json(1e300), nlohmann::json(-1), nlohmann::json(1.5)}) {
      refuse(with_training(name, value), "the metadata \"training\" is damaged");
    }
  }
  const std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
  refuse(with_training("batch", huge),
         "has done batch 18446744073709551615 of 10 and 15 steps in 1 whole epochs");
  refuse(with_training("batch", 11u), "has done batch 11 of 10");
  refuse(with_training("optimizer_steps", huge), "and 18446744073709551615 steps in 1 whole epochs");
  refuse(with_training("seconds", -1), "holds a negative loss or time");
  refuse(with_training("loss_sum", -0.5), "holds a negative loss or time");
  const auto log = [](auto epoch, double seconds) {
    EpochReport report{.loss = 1, .seconds = seconds};
    nlohmann::ordered_json row = to_json(report);
    row["epoch"] = epoch;
    return nlohmann::json::array({row});
  };
  refuse(with_training("log", log(77u, 1)), "has epoch 77 as number 1 of its log");
  refuse(with_training("log", log(1e300, 1)), "the metadata \"training\" is damaged");
  refuse(with_training("log", log(1u, -1)), "holds a negative loss or time");
  refuse(
      [&](SafetensorsWriter& file, const Safetensors& good, const std::string& name) {
        moment(file, good, name);
        file.metadata("training", "{");
      },
      "the metadata \"training\" is damaged");
}

TEST_CASE("a checkpoint without its network or without a state is refused") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "odd.safetensors";
  const auto refusal = [&](const std::map<std::string, std::string>& metadata) {
    CheckpointedRun run(kAdam);
    SafetensorsWriter file;
    for (const auto& [key, text] : metadata) file.metadata(key, text);
    for (const Tensor* t : run.model.state()) file.tensor(t->name, t->shape, t->value);
    file.tensor("order", {run.state.order.size()}, run.state.order);
    file.save(path);
    return test::error_of([&] { load_checkpoint(Safetensors(path), run.model, run.state, kAdam); });
  };
  CHECK_THAT(refusal({{"format", "nn.model"}}), test::contains("odd.safetensors: network is not JSON"));
  CHECK_THAT(refusal({{"format", "nn.model"}, {"network", "[]"}}),
             test::contains("odd.safetensors: network has [], expected an object with input, layers"));
  const std::string network = CheckpointedRun(kAdam).model.json().dump();
  CHECK_THAT(refusal({{"format", "nn.model"}, {"network", network}}),
             test::contains("odd.safetensors: the metadata \"training\" is missing"));
}

TEST_CASE("a checkpoint of a run with other images is refused") {
  const test::TemporaryFolder folder;
  const Safetensors file(some_checkpoint(folder, kAdam));
  CheckpointedRun run(kAdam);
  run.state.order = stratified_split(images(), kHeldOut, 8).training;
  CHECK_THROWS_WITH(load_checkpoint(file, run.model, run.state, kAdam),
                    test::contains("\"order\" names other images"));
  run.state.order.pop_back();
  CHECK_THROWS_WITH(load_checkpoint(file, run.model, run.state, kAdam),
                    test::contains("\"order\"") && test::contains("(640,)"));
}
