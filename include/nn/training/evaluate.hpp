// What a network predicts, and how often it is right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/core/parallel.hpp"
#include "nn/data/batches.hpp"
#include "nn/data/dataset.hpp"
#include "nn/network.hpp"

namespace nn {

struct Prediction {
  std::uint8_t label = 0;     // the true class
  std::size_t predicted = 0;  // the likeliest
  float confidence = 0;       // the probability of the likeliest
  float loss = 0;             // -log(probability of the true class)
};

// Of the images of a data set that `order` names, or of all. Every label is below the number of classes.
std::vector<Prediction> predictions(std::span<Network> networks, const Dataset& data,
                                    std::span<const std::uint32_t> order, ThreadTeam& team);
std::vector<Prediction> predictions(std::span<Network> networks, const Dataset& data, ThreadTeam& team);

struct Evaluation {
  std::size_t correct = 0, images = 0;
  double loss = 0;                                                                                // mean
  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(images); }  // 0 .. 1
};

Evaluation evaluate(Network& network, const Dataset& data, std::span<const std::uint32_t> order,
                    ThreadTeam& team);
Evaluation evaluate(Network& network, const Dataset& data, ThreadTeam& team);

}  // namespace nn
