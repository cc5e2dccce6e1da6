// Checkpoints: a run on disk, between two batches. From there it goes on to the same bits.
//
// A checkpoint is a model's .safetensors (model_files.hpp) and can be used as one. It has, besides:
//   moment1.NAME, moment2.NAME   an optimizer's memory, for each trained tensor NAME that has one
//   average.NAME                 network.state(), averaged over the steps so far, if it is
//   best.NAME                    network.state() after the best epoch so far, if one is done
//   order                        the order of the training images, U32 (N)
//   metadata "training"          a JSON object: where the run stands, and the log so far
#pragma once

#include <map>
#include <string>

#include "nn/files/safetensors.hpp"
#include "nn/network.hpp"
#include "nn/training/train.hpp"

namespace nn {

// Throws Error if the file cannot be written; an older one of that name then stays.
void save_checkpoint(const std::string& path, const Network& network, const TrainingState& state,
                     const std::map<std::string, std::string>& metadata);

// Brings the network and `state`, made for a new run with the same options, to where the checkpoint was.
// Throws Error if it is of another network or of other images, or if anything is missing or damaged.
void load_checkpoint(const Safetensors& file, Network& network, TrainingState& state,
                     const TrainingOptions& options);

}  // namespace nn
