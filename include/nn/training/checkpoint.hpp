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
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/core/error.hpp"
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
  nlohmann::json network = network_json(model.shape());
  const nlohmann::json found = nlohmann::json::parse(file.metadata().at("network"), nullptr, false);
  if (found != network) {
    std::string differences;
    for (const nlohmann::json& change : nlohmann::json::diff(found, network)) {
      const nlohmann::json::json_pointer place(change["path"].get<std::string>());
      const auto text = [&](const nlohmann::json& in) {
        return in.contains(place) ? in[place].dump() : "none";
      };
      differences += (differences.empty() ? "" : "; ") + place.to_string().substr(1) + " " + text(found) +
                     " there, " + text(network) + " here";
    }
    throw Error(file.path(), "is a checkpoint of another network: " + differences);
  }
  read_weights(file, model);
  detail::read_order(file, state.order);
  try {
    const nlohmann::json training = nlohmann::json::parse(file.metadata().at("training"));
    state.rng = SimpleRng(training.at("rng").get<std::uint64_t>());
    state.epoch = training.at("epoch").get<std::size_t>();
    state.batch = training.at("batch").get<std::size_t>();
    state.loss_sum = training.at("loss_sum").get<double>();
    state.seconds = training.at("seconds").get<double>();
    state.optimizer = Optimizer(optimizer, training.at("optimizer_steps").get<std::uint64_t>());
    state.best_epoch = training.at("best_epoch").get<std::size_t>();
    const nlohmann::json& best_loss = training.at("best_loss");
    state.best_loss = best_loss.is_null() ? std::numeric_limits<double>::infinity() : best_loss.get<double>();
    state.log.clear();
    for (const nlohmann::json& row : training.at("log")) state.log.push_back(epoch_report(row));
  } catch (const nlohmann::json::exception&) {
    throw Error(file.path(), "the metadata \"training\" is damaged, expected the state of a run");
  }
  if (state.best_epoch > state.epoch || state.log.size() != state.epoch) {
    throw Error(file.path(), "the metadata \"training\" contradicts itself: " + std::to_string(state.epoch) +
                                 " epochs, a log of " + std::to_string(state.log.size()) +
                                 ", the best epoch " + std::to_string(state.best_epoch));
  }
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
