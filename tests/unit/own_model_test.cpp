// A model that is not one of ours: it has what Model asks for, and nothing else.
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "catch.hpp"
#include "gradient_check.hpp"
#include "instruction_sets.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/split.hpp"
#include "nn/layers/dense.hpp"
#include "nn/training/evaluate.hpp"
#include "nn/training/train.hpp"

using namespace nn;

namespace {

// Softmax regression: pixels (B, I) --W, b--> logits (B, K).
class SoftmaxRegression {
 public:
  SoftmaxRegression(std::size_t inputs, std::size_t classes)
      : w_("W", {inputs, classes}), b_("b", {classes}) {
    for (Tensor* t : tensors()) t->make_grad();
  }

  std::size_t classes() const { return b_.shape[0]; }
  std::array<Tensor*, 2> tensors() { return {&w_, &b_}; }

  std::span<const float> forward(const Batch& batch, ThreadTeam&) {
    x_.resize(batch.pixels.size());
    std::ranges::transform(batch.pixels, x_.begin(),
                           [](std::uint8_t p) { return static_cast<float>(p) / 255.0f; });
    logits_.resize(batch.size * classes());
    dense_forward(mat(x_, batch.size, w_.shape[0]), mat(w_.value, w_.shape[0], classes()), b_.value,
                  mat(logits_, batch.size, classes()));
    return logits_;
  }

  void backward(const Batch& batch, std::span<const float> dlogits, ThreadTeam&) {
    const ConstMatrix dy = mat(dlogits, batch.size, classes());
    matmul(transposed(mat(x_, batch.size, w_.shape[0])), dy, mat(w_.grad, w_.shape[0], classes()));
    bias_backward(dy, b_.grad);
  }

  void backward_and_descend(const Batch& batch, std::span<const float> dlogits, float rate,
                            ThreadTeam& team) {
    backward(batch, dlogits, team);
    for (Tensor* t : tensors()) {
      for (std::size_t i = 0; i < t->value.size(); ++i) t->value[i] -= rate * t->grad[i];
    }
  }

 private:
  Tensor w_, b_;  // (I, K), (K)
  Floats x_;      // (B, I)
  Floats logits_;
};
static_assert(Model<SoftmaxRegression>);

}  // namespace

TEST_CASE("a model of one's own is gradient-checked as ours are") {
  SimpleRng rng(1);
  SoftmaxRegression model(12, 3);
  for (Tensor* t : model.tensors()) t->value = test::random_floats(t->value.size(), 0.5f, rng);
  const test::RandomBatch images(5, 12, 3, rng);
  const Floats dlogits = test::random_floats(5 * 3, 1.0f, rng);
  ThreadTeam team(1);
  model.forward(images.batch(), team);
  model.backward(images.batch(), dlogits, team);
  for (Tensor* t : model.tensors()) {
    INFO(t->name);
    REQUIRE(test::max_grad_error(
                *t, [&] { return test::logit_loss(model.forward(images.batch(), team), dlogits); }) < 1e-3);
  }
}

TEST_CASE("a model of one's own is trained and evaluated as ours are, with any optimizer") {
  const Dataset data = load_idx_dataset(NN_SOURCE_DIR "/data", "t10k");
  const Split split = stratified_split(data, 2000, 1);
  ThreadTeam team(2);
  const auto accuracy = [&](OptimizerKind kind, double learning_rate) {
    SoftmaxRegression model(data.image_size(), data.classes);  // zeros are a good start: the loss is convex
    TrainingOptions options{.epochs = 4, .batch_size = 32, .learning_rate = learning_rate};
    options.optimizer.kind = kind;
    TrainingState state(SimpleRng(42), split.training, options.optimizer);
    REQUIRE(train(model, {data, split.validation}, options, state, team) == Outcome::finished);
    REQUIRE(state.log.size() == 4);
    const Evaluation kept = evaluate(model, data, split.validation, team);
    CHECK(kept.loss == state.log[state.best_epoch - 1].validation_loss);
    return kept.accuracy();
  };
  CHECK(accuracy(OptimizerKind::sgd, 0.1) > 0.87);
  CHECK(accuracy(OptimizerKind::adam, 0.002) > 0.87);
}
