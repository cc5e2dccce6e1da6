// A layer of one's own: trained, stopped, resumed, saved, read again and evaluated.
//
// Run: example_layer [FOLDER_WITH_MNIST]      Expect: the resumed run has the same weights; 94 to 95 %.
#include <cmath>
#include <cstdio>

#include "nn/files/model_files.hpp"
#include "nn/layers/all_layers.hpp"
#include "nn/training/checkpoint.hpp"
#include "nn/training/train.hpp"

using namespace nn;

// swish: y = x / (1 + exp(-x)), element by element (Ramachandran, Zoph & Le, 2017).
class Swish : public Layer {
 public:
  const char* name() const override { return "swish"; }
  void forward(ConstMatrix x, Matrix y, const Pass&) override {
    for (std::size_t i = 0; i < x.rows * x.cols; ++i) y.data[i] = x.data[i] * sigmoid(x.data[i]);
  }
  void backward(ConstMatrix x, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass&) override {
    for (std::size_t i = 0; dx.data && i < x.rows * x.cols; ++i) {
      const float s = sigmoid(x.data[i]);
      dx.data[i] = dy.data[i] * (s + x.data[i] * s * (1 - s));
    }
  }

 private:
  static float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }
};

int main(int count, char** arguments) try {
  layer_kinds().push_back(layer_kind<Swish>());  // from here on texts and files may name it
  const auto [digits, unseen] = load_train_and_test(count > 1 ? arguments[1] : "data");
  const TrainingOptions options{.epochs = 2, .batch_size = 64, .learning_rate = 0.1};
  ThreadTeam team(2);

  SimpleRng rng(42);
  Network network =
      parse_network("dense 64, swish, dense 32, swish, dense 10", {28, 28, 1}, "network").build(rng);
  TrainingState state(rng, all_images(digits), options.optimizer);
  TrainingObserver observer;
  observer.wants_to_stop = [&] { return state.epoch == 1 && state.batch == 300; };
  train(network, {digits}, options, state, team, observer);
  save_checkpoint("example_layer.safetensors", network, state, {});
  train(network, {digits}, options, state, team);

  const Safetensors checkpoint("example_layer.safetensors");  // as after a new start of the program
  Network resumed = read_network(checkpoint);
  TrainingState later(SimpleRng(0), all_images(digits), options.optimizer);
  load_checkpoint(checkpoint, resumed, later, options);
  train(resumed, {digits}, options, later, team);
  const bool same = resumed.tensors()[0]->value == network.tensors()[0]->value;
  std::printf("the resumed run has %s weights\n", same ? "the same" : "other");

  save_model(resumed, "example_layer.safetensors");
  Network read = load_model("example_layer.safetensors");
  std::printf("test accuracy: %.2f %% of %s\n", 100 * evaluate(read, unseen, team).accuracy(),
              read.text().c_str());
  return same ? 0 : 1;
} catch (const Error& error) {
  std::fprintf(stderr, "example_layer: error: %s\n", error.what());
  return 1;
}
