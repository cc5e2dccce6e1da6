#include "nn/training/checkpoint.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/core/error.hpp"
#include "nn/files/json.hpp"
#include "nn/files/model_files.hpp"
#include "nn/training/logs.hpp"

namespace nn {

void save_checkpoint(const std::string& path, const Network& network, const TrainingState& state,
                     const std::map<std::string, std::string>& metadata) {
  SafetensorsWriter file;
  for (const auto& [key, text] : metadata) file.metadata(key, text);
  add_network(file, network);
  for (const Tensor* t : network.tensors()) {
    if (!t->moment1.empty()) file.tensor("moment1." + t->name, t->shape, t->moment1);
    if (!t->moment2.empty()) file.tensor("moment2." + t->name, t->shape, t->moment2);
  }
  const std::vector<Tensor*> tensors = network.state();
  const auto add = [&](const std::string& prefix, const std::vector<Floats>& values) {
    for (std::size_t i = 0; i < values.size(); ++i)
      file.tensor(prefix + tensors[i]->name, tensors[i]->shape, values[i]);
  };
  add("average.", state.average.values);
  add("best.", state.best_weights);
  file.tensor("order", {state.order.size()}, state.order);

  nlohmann::ordered_json log = nlohmann::ordered_json::array();
  for (const EpochReport& report : state.log) log.push_back(to_json(report));
  const nlohmann::ordered_json training = {{"rng", state.rng.state()},
                                           {"epoch", state.epoch},
                                           {"batch", state.batch},
                                           {"loss_sum", state.loss_sum},
                                           {"seconds", state.seconds},
                                           {"optimizer_steps", state.optimizer.steps()},
                                           {"best_epoch", state.best_epoch},
                                           {"best_loss", number_or_null(state.best_loss)},
                                           {"log", log}};
  file.metadata("training", json_text(training));
  file.save(path);
}

namespace {

// Throws Error, with both, if the file is of another network.
void check_network(const Safetensors& file, const Network& here) {
  const Network there = read_network(file);
  if (there.json() == here.json()) return;
  throw Error(file.path(), "is a checkpoint of another network: " + there.text() + " for " +
                               there.pixels_text() + " there, " + here.text() + " for " + here.pixels_text() +
                               " here");
}

// The metadata "training"; state.order is that of the run already. Throws Error if it is damaged, or if what
// it says cannot be.
void read_training(const Safetensors& file, TrainingState& state, const TrainingOptions& options) {
  const auto refuse = [&](const std::string& found) {
    throw Error(file.path(), "the metadata \"training\" " + found + ", expected the state of a run");
  };
  const std::string text = file.text("training");
  if (text.empty()) refuse("is missing");
  std::uint64_t steps = 0;
  try {
    const auto training = parse_json(text);
    state.rng = SimpleRng(whole_number(training, "rng"));
    state.epoch = whole_number(training, "epoch");
    state.batch = whole_number(training, "batch");
    state.loss_sum = training.at("loss_sum").get<double>();
    state.seconds = training.at("seconds").get<double>();
    steps = whole_number(training, "optimizer_steps");
    state.best_epoch = whole_number(training, "best_epoch");
    const nlohmann::json& best_loss = training.at("best_loss");
    state.best_loss = best_loss.is_null() ? std::numeric_limits<double>::infinity() : best_loss.get<double>();
    state.log.clear();
    for (const nlohmann::json& row : training.at("log")) state.log.push_back(epoch_report(row));
  } catch (const nlohmann::json::exception&) {
    refuse("is damaged");
  }
  state.optimizer = Optimizer(options.optimizer, steps);

  const std::size_t epochs = state.log.size(), images = state.order.size();
  const bool is_best_among_them = state.best_epoch <= epochs && (state.best_epoch > 0) == (epochs > 0);
  if (state.epoch != epochs || !is_best_among_them) {
    refuse("contradicts itself: " + std::to_string(state.epoch) + " epochs, a log of " +
           std::to_string(epochs) + ", the best epoch " + std::to_string(state.best_epoch));
  }
  for (std::size_t i = 0; i < epochs; ++i) {
    if (state.log[i].epoch != i + 1) {
      refuse("has epoch " + std::to_string(state.log[i].epoch) + " as number " + std::to_string(i + 1) +
             " of its log");
    }
  }
  const std::size_t batches = (images + options.batch_size - 1) / options.batch_size;  // of an epoch
  if (state.batch > batches || steps > (epochs + 1) * batches) {
    refuse("has done batch " + std::to_string(state.batch) + " of " + std::to_string(batches) + " and " +
           std::to_string(steps) + " steps in " + std::to_string(epochs) + " whole epochs");
  }
  const auto is_amount = [](double x) { return x >= 0; };
  if (!is_amount(state.loss_sum) || !is_amount(state.seconds) ||
      !std::ranges::all_of(state.log, is_amount, &EpochReport::seconds)) {
    refuse("holds a negative loss or time");
  }
}

// Another order of the same images.
void read_order(const Safetensors& file, std::vector<std::uint32_t>& order) {
  std::vector<std::uint32_t> found(order.size()), sorted = order;
  file.read("order", std::vector<std::size_t>{order.size()}, std::span(found));
  order = found;
  std::ranges::sort(found);
  std::ranges::sort(sorted);
  if (found != sorted) {
    throw Error(file.path(), "tensor \"order\" names other images than this run trains with");
  }
}

}  // namespace

void load_checkpoint(const Safetensors& file, Network& network, TrainingState& state,
                     const TrainingOptions& options) {
  check_network(file, network);
  read_weights(file, network);
  read_order(file, state.order);
  read_training(file, state, options);
  const auto read = [&](const std::string& prefix, const Tensor& t, Floats& values) {
    values.resize(t.elements());
    read_finite(file, prefix + t.name, t.shape, values);
  };
  const bool has_moments = state.optimizer.steps() > 0;
  for (Tensor* t : network.tensors()) {
    if (has_moments && state.optimizer.uses_first_moment()) read("moment1.", *t, t->moment1);
    if (has_moments && state.optimizer.uses_second_moment()) read("moment2.", *t, t->moment2);
  }
  state.average.values.clear();
  for (const Tensor* t : network.state()) {
    if (!file.tensors().contains("average." + t->name)) continue;
    read("average.", *t, state.average.values.emplace_back());
  }
  const std::size_t averaged = state.average.values.size();
  if (averaged != 0 && averaged != network.state().size()) {
    throw Error(file.path(), "has averages of " + std::to_string(averaged) + " tensors, expected all " +
                                 std::to_string(network.state().size()) + " or none");
  }
  state.best_weights.clear();
  if (state.best_epoch == 0) return;
  for (const Tensor* t : network.state()) read("best.", *t, state.best_weights.emplace_back());
}

}  // namespace nn
