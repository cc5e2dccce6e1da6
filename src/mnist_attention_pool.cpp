// mnist_attention_pool: 4x4 patches -> 49 tokens -> self-attention -> mean -> 10 (softmax), SGD on MNIST.
//
//   x (B, 28, 28) --patches--> (B, 49, 16) --Wp, bp, pos, ReLU--> tokens (B, 49, 64)
//                 --one head of attention--> (B, 49, 64) --W1, b1, ReLU, W2, b2--> (B, 49, 64)
//                 --mean over tokens--> (B, 64) --Wcls, bcls--> logits (B, 10) --> softmax cross-entropy
//
// Run:     build/mnist_attention_pool      (--help lists the options)
// Expect:  loss 2.208794 and test accuracy 30.18 % after the first epoch with the default seed, 42.

#include "nn/models/attention_pool.hpp"

#include <string>

#include "nn/cli/mnist_program.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"

int main(int argc, char** argv) {
  nn::cli::MnistProgram program("mnist_attention_pool",
                                "Trains self-attention over 4x4 patches of MNIST digits.",
                                {.epochs = 8,
                                 .batch_size = 32,
                                 .output = "mnist_attention_model.bin",
                                 .log = "logs/training_loss_attention.txt"});
  return program.run(argc, argv, [&] {
    // Data
    const auto [train, test] = program.load_data();

    // Model
    nn::SimpleRng rng(program.seed);
    nn::AttentionShape shape{.height = train.images.rows, .width = train.images.cols};
    shape.classes = train.classes;
    shape.check(train.images.source);
    nn::AttentionPool model(shape, rng);
    program.describe(std::to_string(shape.tokens()) +
                         " patches of 4x4 -> attention, width 64 -> ReLU 128 -> mean -> " +
                         std::to_string(shape.classes) + " (softmax)",
                     model);

    // Loop and result: forward, loss, backward, update, as nn/training/train.hpp has it; then how well the
    // network does on digits it has not seen, and the model for others to use.
    nn::ThreadTeam team(program.threads);
    return program.train_and_test(model, train, test, rng, team);
  });
}
