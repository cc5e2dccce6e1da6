// Checkpoints: a run on disk, between two batches. From there it goes on to the same bits.
//
// A checkpoint is a model's .safetensors (model_files.hpp) and can be used as one. It has, besides:
//   moment1.NAME, moment2.NAME   an optimizer's memory, for each tensor NAME of the model that has one
//   best.NAME                    the weights of the best epoch so far, if one is done
//   order                        the order of the training images, U32 (N)
//   metadata "training"          a JSON object: where the run stands, and the log so far
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/core/error.hpp"
#include "nn/files/json.hpp"
#include "nn/files/safetensors.hpp"
#include "nn/models/model_files.hpp"
#include "nn/training/report_json.hpp"
#include "nn/training/train.hpp"

namespace nn {

// Throws Error if the file cannot be written; an older one of that name then stays.
template <Model M>
void save_checkpoint(const std::string& path, M& model, const TrainingState& state,
                     const std::map<std::string, std::string>& metadata) {
  SafetensorsWriter file;
  for (const auto& [key, text] : metadata) file.metadata(key, text);
  add_model(file, model);
  const auto tensors = model.tensors();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = *tensors[i];
    if (!t.moment1.empty()) file.tensor("moment1." + t.name, t.shape, t.moment1);
    if (!t.moment2.empty()) file.tensor("moment2." + t.name, t.shape, t.moment2);
    if (!state.best_weights.empty()) file.tensor("best." + t.name, t.shape, state.best_weights[i]);
  }
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
  file.metadata("training", training.dump());
  file.save(path);
}

namespace detail {
// The tensors PREFIX.NAME of the model's tensors, each into place(tensor).
template <Model M, class Place>
void read_beside_weights(const Safetensors& file, M& model, const std::string& prefix, Place place) {
  for (Tensor* t : model.tensors()) {
    const std::string name = prefix + "." + t->name;
    Floats& values = place(*t);
    values.resize(t->value.size());
    file.read(name, t->shape, std::span<float>(values));
    if (!finite(std::span<const float>(values))) {
      throw Error(file.path(), "tensor \"" + name + "\" holds a NaN or an infinite value");
    }
  }
}

// Throws Error, with what differs, if the file is of another network.
template <class Shape>
void check_network(const Safetensors& file, const Shape& shape) {
  const nlohmann::json here = network_json(shape);
  const nlohmann::json there = std::visit([](const auto& s) { return network_json(s); }, read_network(file));
  std::string differences;
  for (const nlohmann::json& change : nlohmann::json::diff(there, here)) {
    const nlohmann::json::json_pointer place(change["path"].get<std::string>());
    differences += (differences.empty() ? "" : "; ") + place.to_string().substr(1) + " " +
                   (there.contains(place) ? json_in_brief(there[place]) : "none") + " there, " +
                   (change.contains("value") ? json_in_brief(change["value"]) : "none") + " here";
  }
  if (!differences.empty()) {
    throw Error(file.path(), "is a checkpoint of another network: " + differences);
  }
}

// The metadata "training"; state.order is that of the run already. Throws Error if it is damaged, or if what
// it says cannot be.
inline void read_training(const Safetensors& file, TrainingState& state, const OptimizerOptions& optimizer) {
  const auto refuse = [&](const std::string& found) {
    throw Error(file.path(), "the metadata \"training\" " + found + ", expected the state of a run");
  };
  const auto text = file.metadata().find("training");
  if (text == file.metadata().end()) refuse("is missing");
  std::uint64_t steps = 0;
  try {
    const auto training = parse_json(text->second);
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
  state.optimizer = Optimizer(optimizer, steps);

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
  if (state.batch > images || steps > (epochs + 1) * images) {
    refuse("has done batch " + std::to_string(state.batch) + " and " + std::to_string(steps) +
           " steps with " + std::to_string(images) + " images");
  }
  const auto is_amount = [](double x) { return x >= 0; };
  if (!is_amount(state.loss_sum) || !is_amount(state.seconds) ||
      !std::ranges::all_of(state.log, is_amount, &EpochReport::seconds)) {
    refuse("holds a negative loss or time");
  }
}

// Another order of the same images.
inline void read_order(const Safetensors& file, std::vector<std::uint32_t>& order) {
  std::vector<std::uint32_t> found(order.size()), sorted = order;
  file.read("order", std::vector<std::size_t>{order.size()}, std::span(found));
  order = found;
  std::ranges::sort(found);
  std::ranges::sort(sorted);
  if (found != sorted) {
    throw Error(file.path(), "tensor \"order\" names other images than this run trains with");
  }
}
}  // namespace detail

// Brings the model and `state`, made for a new run with the same options, to where the checkpoint was.
// Throws Error if it is of another network or of other images, or if anything is missing or damaged.
template <Model M>
void load_checkpoint(const Safetensors& file, M& model, TrainingState& state,
                     const OptimizerOptions& optimizer) {
  detail::check_network(file, model.shape());
  read_weights(file, model);
  detail::read_order(file, state.order);
  detail::read_training(file, state, optimizer);
  const bool has_moments = state.optimizer.steps() > 0;
  if (has_moments && state.optimizer.uses_first_moment()) {
    detail::read_beside_weights(file, model, "moment1", [](Tensor& t) -> Floats& { return t.moment1; });
  }
  if (has_moments && state.optimizer.uses_second_moment()) {
    detail::read_beside_weights(file, model, "moment2", [](Tensor& t) -> Floats& { return t.moment2; });
  }
  state.best_weights.clear();
  if (state.best_epoch > 0) {
    detail::read_beside_weights(file, model, "best",
                                [&](Tensor&) -> Floats& { return state.best_weights.emplace_back(); });
  }
}

}  // namespace nn
