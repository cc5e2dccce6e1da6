// The loss signatures: a few steps of each program's training on fixed images. They move with any numerical
// change and with nothing else.
#include "nn/training/train.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mnist.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/batches.hpp"
#include "nn/data/split.hpp"
#include "nn/network.hpp"

using namespace nn;

namespace {

Network network_of(const std::string& layers, SimpleRng& rng) {
  return parse_network(layers, {28, 28, 1}, "test").build(rng);
}

// The losses of two epochs over 1,000 images.
void check_signature(const std::string& layers, std::size_t batch_size, double first, double second) {
  for (const bool fusions : {true, false}) {
    INFO(layers << (fusions ? ", fused" : ", layer by layer"));
    SimpleRng rng(42);
    Network network = network_of(layers, rng);
    network.use_fusions(fusions);
    ThreadTeam team(2);
    const TrainingOptions options{.epochs = 2, .batch_size = batch_size};
    std::vector<std::uint32_t> order = all_images(test::mnist_images());
    order.resize(1000);
    TrainingState state(rng, order, options.optimizer);
    train(network, {test::mnist_images()}, options, state, team);
    CHECK(state.log[0].loss == Approx(first).margin(2e-5));
    CHECK(state.log[1].loss == Approx(second).margin(2e-5));
  }
}

}  // namespace

TEST_CASE("loss signature of mnist_mlp") {
  check_signature("dense 512, relu, dense 10", 64, 2.253088, 2.068688);
}

TEST_CASE("loss signature of mnist_cnn") {
  check_signature("conv 8 3x3, relu, max-pool 2, dense 10", 32, 2.286356, 2.237399);
}

TEST_CASE("loss signature of mnist_attention_pool") {
  check_signature(
      "patches 4 64, position sinusoidal, relu, attention 1, dense 128, relu, dense 64, mean, dense 10", 32,
      2.349318, 2.307019);
}

TEST_CASE("with an average of the weights, that is what training leaves and what is validated") {
  ThreadTeam team(2);
  const Split split = stratified_split(test::mnist_images(), 9600, 1);  // 400 to train with: 4 steps an epoch
  for (const bool fusions : {true, false}) {
    const TrainingOptions options{
        .epochs = 2, .batch_size = 100, .learning_rate = 0.1, .label_smoothing = 0.1, .average_decay = 0.5};
    const auto start = [&](SimpleRng& rng) {
      Network network = network_of("dense 16, batch-norm, relu, dense 10", rng);
      network.use_fusions(fusions);
      return network;
    };
    SimpleRng rng(3);
    Network averaged = start(rng);
    TrainingState state(rng, split.training, options.optimizer);
    REQUIRE(train(averaged, {test::mnist_images(), split.validation}, options, state, team) ==
            Outcome::finished);

    // The same run, whose weights are looked at after each of the eight steps.
    SimpleRng again(3);
    Network network = start(again);
    TrainingOptions plain = options;
    plain.average_decay = 0;
    TrainingState steps(again, split.training, plain.optimizer);
    std::vector<Floats> average;
    int t = 0;
    TrainingObserver observer;
    observer.on_batch = [&](const BatchReport&) {
      ++t;
      const float decay = static_cast<float>(std::min(0.5, (1.0 + t) / (10.0 + t)));
      for (std::size_t i = 0; i < network.state().size(); ++i) {
        const Floats& weights = network.state()[i]->value;
        if (t == 1) average.push_back(weights);
        for (std::size_t k = 0; k < weights.size(); ++k) {
          average[i][k] = decay * average[i][k] + (1 - decay) * weights[k];
        }
      }
    };
    REQUIRE(train(network, {test::mnist_images(), split.validation}, plain, steps, team, observer) ==
            Outcome::finished);
    REQUIRE(t == 8);
    for (std::size_t i = 0; i < average.size(); ++i) {
      for (std::size_t k = 0; k < average[i].size(); ++k) {
        CHECK(averaged.state()[i]->value[k] == Approx(average[i][k]).margin(1e-6));
      }
    }
    CHECK(evaluate(averaged, test::mnist_images(), split.validation, team).loss ==
          state.log[1].validation_loss);
    CHECK(state.log[0].loss == steps.log[0].loss);
  }
}

TEST_CASE("when the loss is NaN, training stops with the last good model") {
  SimpleRng rng(1);
  Network model = network_of("dense 8, relu, dense 10", rng);
  ThreadTeam team(1);
  TrainingOptions options{.epochs = 3, .batch_size = 64, .learning_rate = 1e30};
  TrainingState state(rng, all_images(test::mnist_images()), options.optimizer);
  CHECK(train(model, {test::mnist_images()}, options, state, team) == Outcome::diverged);
  CHECK(state.best_weights.empty());

  Network good = network_of("dense 8, relu, dense 10", rng);
  options.learning_rate = 0.1;
  options.epochs = 1;
  TrainingState later(rng, all_images(test::mnist_images()), options.optimizer);
  REQUIRE(train(good, {test::mnist_images()}, options, later, team) == Outcome::finished);
  const Floats kept = good.tensors()[0]->value;
  options.epochs = 3;
  options.learning_rate = 1e30;
  CHECK(train(good, {test::mnist_images()}, options, later, team) == Outcome::diverged);
  CHECK(good.tensors()[0]->value == kept);
}

TEST_CASE("a last step after which everything is NaN is noticed, too") {
  SimpleRng rng(1);
  Network model = network_of("dense 8, relu, dense 10", rng);
  ThreadTeam team(1);
  const TrainingOptions options{.epochs = 1, .batch_size = 10000, .learning_rate = 1e30};
  TrainingState state(rng, all_images(test::mnist_images()), options.optimizer);
  CHECK(train(model, {test::mnist_images()}, options, state, team) == Outcome::diverged);
  CHECK(state.log.empty());
}

TEST_CASE("the log has the learning rate of an epoch's last step") {
  TrainingOptions options{.epochs = 2, .batch_size = 25, .learning_rate = 0.1};
  options.schedule.warmup_epochs = 2;  // 8 steps
  std::vector<std::uint32_t> order = all_images(test::mnist_images());
  order.resize(100);
  SimpleRng rng(1);
  Network network = network_of("dense 10", rng);
  TrainingState state(rng, order, options.optimizer);
  ThreadTeam team(1);
  REQUIRE(train(network, {test::mnist_images()}, options, state, team) == Outcome::finished);
  CHECK(state.log[0].learning_rate == Approx(0.1 * 3 / 8));
  CHECK(state.log[1].learning_rate == Approx(0.1 * 7 / 8));
}

TEST_CASE("early stopping keeps the best epoch's weights") {
  const Split split = stratified_split(test::mnist_images(), 9500, 1);
  TrainingOptions options{.epochs = 200, .batch_size = 16, .learning_rate = 0.5};
  options.patience = 3;
  SimpleRng rng(5);
  Network model = network_of("dense 64, relu, dense 10", rng);
  ThreadTeam team(2);
  const TrainingData data{test::mnist_images(), split.validation};
  TrainingState state(rng, split.training, options.optimizer);
  REQUIRE(train(model, data, options, state, team) == Outcome::stopped_early);
  CHECK(state.log.size() == state.best_epoch + 3);
  const Evaluation best = evaluate(model, test::mnist_images(), split.validation, team);
  CHECK(best.loss == state.log[state.best_epoch - 1].validation_loss);
  for (const EpochReport& r : state.log) CHECK(r.validation_loss >= best.loss);
}

TEST_CASE("the best epoch is kept with its running statistics") {
  const Split split = stratified_split(test::mnist_images(), 9500, 1);
  TrainingOptions options{.epochs = 100, .batch_size = 16, .learning_rate = 0.3};
  options.patience = 2;
  SimpleRng rng(5);
  Network model = network_of("dense 32, batch-norm, relu, dense 10", rng);
  ThreadTeam team(2);
  TrainingState state(rng, split.training, options.optimizer);
  REQUIRE(train(model, {test::mnist_images(), split.validation}, options, state, team) ==
          Outcome::stopped_early);
  CHECK(evaluate(model, test::mnist_images(), split.validation, team).loss ==
        state.log[state.best_epoch - 1].validation_loss);
}

TEST_CASE("a stratified split holds out every class's share, the same for the same seed") {
  const Dataset& data = test::mnist_images();
  const Split split = stratified_split(data, 1000, 3), again = stratified_split(data, 1000, 3);
  CHECK(split.validation == again.validation);
  CHECK(split.validation != stratified_split(data, 1000, 4).validation);
  REQUIRE(split.validation.size() == 1000);
  REQUIRE(split.training.size() == 9000);
  std::vector<double> all(10), held(10);
  for (std::uint32_t i = 0; i < data.size(); ++i) ++all[data.label(i)];
  for (const std::uint32_t i : split.validation) ++held[data.label(i)];
  for (std::size_t c = 0; c < 10; ++c) CHECK(std::abs(held[c] - all[c] / 10) <= 1.0);
  CHECK(stratified_split(data, 0, 3).training == all_images(data));
}
