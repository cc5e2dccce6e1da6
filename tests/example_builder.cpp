// A network of one's own, trained on MNIST and saved.      Run: example_builder [FOLDER_WITH_MNIST]
#include <cstdio>

#include "nn/models/model_files.hpp"
#include "nn/training/train.hpp"

using namespace nn;

int main(int count, char** arguments) try {
  const auto [digits, unseen] = load_train_and_test(count > 1 ? arguments[1] : "data");
  SimpleRng rng(42);
  ThreadTeam team(2);
  Mlp model = Mlp::input(784).dense(256, Init::he).relu().dense(64, Init::he).relu().dense(10).build(rng);

  const TrainingOptions options{.epochs = 2, .batch_size = 32, .learning_rate = 0.1};
  TrainingState state(rng, all_images(digits), options.optimizer);
  train(model, {digits}, options, state, team);

  std::printf("test accuracy: %.2f %%\n", 100 * evaluate(model, unseen, team).accuracy());
  save_model(model, "example.safetensors", {{"program", "my own"}});
} catch (const Error& error) {  // bad input: the path, what was found, what was expected
  std::fprintf(stderr, "example_builder: error: %s\n", error.what());
  return 1;
}
