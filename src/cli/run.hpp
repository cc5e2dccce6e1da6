// A run of an MNIST program, step by step: data, network, training, result. Each step takes what the one
// before it returns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/data.hpp"
#include "cli/options.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/augment.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/split.hpp"
#include "nn/layers/init.hpp"
#include "nn/network.hpp"
#include "nn/training/logs.hpp"
#include "nn/training/train.hpp"

namespace nn::cli {

// What the command line says. A program sets its own defaults of some.
struct RunOptions {
  std::string preset = "plain";  // what the options are that nothing else says (presets.hpp)
  std::string init_from{};       // model whose network and weights are the start; "" if not given
  std::string layers{};          // of the network, in place of the program's own; "" if not given
  Init init = Init::xavier;
  bool no_fusions = false, show_network = false;

  TrainingOptions training{};
  double validation = 0;  // images held out: a share below 1, or a count
  Fold fold{};            // the same for cross-validation
  bool test_each_epoch = false;

  DataSource data{};
  AugmentOptions augment{};
  double redrawn = 0;   // as a share of the training images
  double outliers = 0;  // as a share of the training images

  std::uint64_t seed = 42;
  std::size_t threads = 1;
  std::string output{}, log{}, log_json{};  // a model and logs to write
  std::size_t log_every = 0;                // batches
  std::string checkpoint_dir{}, resume{};
  std::size_t checkpoint_every = 1, checkpoint_keep = 3;  // epochs
  std::string config{}, save_config{};
  bool quiet = false;

  bool trains() const { return !show_network && save_config != "-"; }  // or only prints what it would do

  struct Settled;  // what follows from it, once all of it is known
  std::shared_ptr<const Settled> settled{};
};

// `replaced`: the program's options that say its own network, in whose place --layers is.
void add_run_options(Options& app, RunOptions& options, const std::vector<std::string>& replaced);

// As app.run(argc, argv, body), with the subcommands; what --config and --resume say is among the options
// when body() is called, and they go together.
int run(Options& app, RunOptions& options, int argc, char** argv, const std::function<int()>& body);

struct RunData {
  Dataset train, test;
  std::vector<std::string> class_names;    // none: the classes are called by their numbers
  std::optional<Preparation> preparation;  // of the pictures; nothing if the data does not say it
  double seconds;                          // that loading took
};

// Throws Error if the data is not there or not whole.
RunData load_data(const RunOptions& options);

// With --layers that network, else the program's own, both as the text of --layers; with --init-from the
// trained one, whose last layer starts from scratch if the data have other classes. Throws Error if it does
// not take the images or does not make a number for each class.
Network make_network(const RunOptions& options, const std::string& layers, const RunData& data,
                     SimpleRng& rng);

// Prints the network, a line a layer. Returns the exit status.
int show(const Network& network);

struct Trained {
  TrainingState state;
  Outcome outcome;
  std::string output;  // where the model goes: what a .bin cannot hold may have another ending
  JsonLog json_log;
  double seconds;  // that training took
};

// Trains, with progress, logs and checkpoints.
Trained train_network(const RunOptions& options, Network& network, const RunData& data, const SimpleRng& rng,
                      ThreadTeam& team);

// Says how good the network is on images that training has not seen, and writes it. Returns the exit status.
int test_and_save(const RunOptions& options, Network& network, const RunData& data, Trained trained,
                  ThreadTeam& team);

}  // namespace nn::cli
