// A network of one's own, trained on MNIST and saved.      Run: example_builder [FOLDER_WITH_MNIST]
#include <cstdio>

#include "nn/data/batches.hpp"
#include "nn/files/model_files.hpp"
#include "nn/training/train.hpp"

using namespace nn;

int main(int count, char** arguments) try {
  const auto [digits, unseen] = load_train_and_test(count > 1 ? arguments[1] : "data");
  SimpleRng rng(42);
  ThreadTeam team(2);
  Network network =
      Network::input(28, 28).conv2d(16, 3).relu().max_pool(2).dense(64).relu().dense(10).build(rng);

  const TrainingOptions options{.epochs = 2, .batch_size = 32, .learning_rate = 0.1};
  TrainingState state(rng, all_images(digits), options.optimizer);
  train(network, {digits}, options, state, team);

  std::printf("test accuracy: %.2f %%\n", 100 * evaluate(network, unseen, team).accuracy());
  save_model(network, "example.safetensors", {{"program", "my own"}});
} catch (const Error& error) {  // bad input: the path, what was found, what was expected
  std::fprintf(stderr, "example_builder: error: %s\n", error.what());
  return 1;
}
