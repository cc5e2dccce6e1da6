// mnist_mlp: 784 -> 512 (ReLU) -> 10 (softmax), mini-batch SGD on MNIST.
//
//   x (B, 784) --dense--> ReLU --> h (B, 512) --dense--> logits (B, 10) --> softmax cross-entropy
//
// Other hidden layers: --hidden 256,64 --activation gelu --init he --dropout 0.2. Other networks: --layers.
//
// Run:     build/mnist_mlp                 (--help lists the options)
// Expect:  test accuracy 94.25 % after 10 epochs with the default seed, 42.
#include <string>
#include <vector>

#include "cli/run.hpp"
#include "nn/core/text.hpp"

int main(int argc, char** argv) {
  using namespace nn::cli;
  std::vector<std::size_t> hidden{512};
  std::string activation = "relu";
  double dropout = 0;
  RunOptions options;
  options.training.epochs = 10;
  options.training.batch_size = 64;
  options.output = "mnist_model.bin";
  options.log = "logs/training_loss_c.txt";

  Options app("mnist_mlp", "Trains dense layers, 784 -> 512 (ReLU) -> 10 (softmax), on MNIST digits.");
  app.group("Network");
  app.numbers("--hidden", hidden, "units of each hidden layer", 16, 16'384);
  app.word("--activation", activation, "of the hidden layers",
           {"none", "relu", "leaky-relu", "sigmoid", "tanh", "gelu"});
  app.number("--dropout", dropout, "share of hidden units dropped in training", 0, 0.99);
  add_run_options(app, options, {"--hidden", "--activation", "--dropout"});

  // "dense 512, relu, dense classes"
  const auto layers = [&] {
    std::string text;
    for (const std::size_t units : hidden) {
      text += "dense " + std::to_string(units) + ", ";
      if (activation != "none") text += activation + ", ";
      if (dropout > 0) text += "dropout " + nn::number_text(dropout) + ", ";
    }
    return text + "dense classes";
  };

  return run(app, options, argc, argv, [&] {
    if (hidden.empty() && dropout > 0) {
      wrong_usage("--dropout", "found with --hidden none, expected units to drop");
    }

    // Data: images to learn from, and images that training never sees.
    const RunData data = load_data(options);

    // Network: weights drawn from the run's one random generator, which then shuffles the images.
    nn::SimpleRng rng(options.seed);
    nn::Network network = make_network(options, layers(), data, rng);
    if (options.show_network) return show(network);

    // Loop: forward, loss, backward, update, as src/nn/train.cpp has it.
    nn::ThreadTeam team(options.threads);
    const Trained trained = train_network(options, network, data, rng, team);

    // Result: how well it does on digits that it has not seen, and the model for others to use.
    return test_and_save(options, network, data, trained, team);
  });
}
