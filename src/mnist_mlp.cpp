// mnist_mlp: 784 -> 512 (ReLU) -> 10 (softmax), mini-batch SGD on MNIST.
//
//   x (B, 784) --W1, b1--> ReLU --> h (B, 512) --W2, b2--> logits (B, 10) --> softmax cross-entropy
//
// Other hidden layers: --hidden 256,64 --activation gelu --init he --dropout 0.2.
//
// Run:     build/mnist_mlp                 (--help lists the options)
// Expect:  test accuracy 94.25 % after 10 epochs with the default seed, 42.

#include "nn/models/mlp.hpp"

#include "nn/cli/mnist_program.hpp"
#include "nn/cli/network_options.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"

int main(int argc, char** argv) {
  nn::cli::MnistProgram program(
      "mnist_mlp", "Trains dense layers, 784 -> 512 (ReLU) -> 10 (softmax), on MNIST digits.",
      {.epochs = 10, .batch_size = 64, .output = "mnist_model.bin", .log = "logs/training_loss_c.txt"});
  nn::cli::MlpOptions network;
  add_mlp(program.app, network);
  return program.run(argc, argv, [&] {
    // Data: images to learn from, and images that training never sees.
    const auto [train, test] = program.load_data();

    // Model: weights drawn from the run's one random generator, which then shuffles the images.
    nn::SimpleRng rng(program.seed);
    const nn::MlpShape shape = network.shape(train);
    nn::Mlp model(shape, rng);
    program.describe(shape.summary(), model);

    // Loop and result: forward, loss, backward, update, as nn/training/train.hpp has it; then how well the
    // network does on digits it has not seen, and the model for others to use.
    nn::ThreadTeam team(program.threads);
    return program.train_and_test(model, train, test, rng, team);
  });
}
