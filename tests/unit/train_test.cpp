// The loss signatures: a few steps of each program's training on fixed images. They move with any numerical
// change and with nothing else.
#include "nn/training/train.hpp"

#include "catch.hpp"
#include "nn/models/attention_pool.hpp"
#include "nn/models/cnn.hpp"
#include "nn/models/mlp.hpp"

using namespace nn;

namespace {

const Dataset& mnist_test_images() {  // the smaller half of MNIST is enough here
  static const Dataset data = load_idx_dataset(NN_SOURCE_DIR "/data", "t10k");
  return data;
}

// The losses of two epochs over the test images.
template <class MakeModel>
std::vector<double> signature(std::size_t batch_size, std::size_t threads, MakeModel make) {
  SimpleRng rng(42);
  auto model = make(rng);
  ThreadTeam team(threads);
  std::vector<double> losses;
  TrainingObserver observer;
  observer.on_epoch = [&](const EpochReport& report) { losses.push_back(report.loss); };
  train(model, mnist_test_images(), {.epochs = 2, .batch_size = batch_size, .learning_rate = 0.01f}, rng,
        team, observer);
  return losses;
}

}  // namespace

TEST_CASE("loss signature of mnist_mlp") {
  const auto losses = signature(64, 2, [](SimpleRng& rng) { return Mlp({784, 512, 10}, rng); });
  CHECK(losses[0] == Approx(1.610551).margin(2e-5));
  CHECK(losses[1] == Approx(0.881828).margin(2e-5));
}

TEST_CASE("loss signature of mnist_cnn") {
  const auto losses = signature(32, 2, [](SimpleRng& rng) { return Cnn({}, rng); });
  CHECK(losses[0] == Approx(1.594691).margin(2e-5));
  CHECK(losses[1] == Approx(0.478532).margin(2e-5));
}

TEST_CASE("loss signature of mnist_attention_pool") {
  const auto losses = signature(32, 2, [](SimpleRng& rng) { return AttentionPool({}, rng); });
  CHECK(losses[0] == Approx(2.309046).margin(2e-5));
  CHECK(losses[1] == Approx(2.292426).margin(2e-5));
}

TEST_CASE("training stops with a message when the loss is no number") {
  SimpleRng rng(1);
  Mlp model({784, 8, 10}, rng);
  ThreadTeam team(1);
  CHECK_THROWS_WITH(
      train(model, mnist_test_images(), {.epochs = 3, .batch_size = 64, .learning_rate = 1e30f}, rng, team),
      Catch::Matchers::Contains("epoch 1") && Catch::Matchers::Contains("expected a finite number"));
}
