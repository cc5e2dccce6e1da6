#include "nn/models/mlp.hpp"

#include "catch.hpp"
#include "gradient_check.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/models/model.hpp"

using namespace nn;

static_assert(Model<Mlp>);

namespace {

// Sum over all logits of logit * dlogit: its gradient is what backward(dlogits) gives.
double dot_with_logits(Mlp& model, const Batch& batch, std::span<const float> dlogits, ThreadTeam& team) {
  const std::span<const float> logits = model.forward(batch, team);
  double sum = 0;
  for (std::size_t i = 0; i < logits.size(); ++i)
    sum += static_cast<double>(logits[i]) * static_cast<double>(dlogits[i]);
  return sum;
}

}  // namespace

TEST_CASE("Mlp: every gradient equals finite differences") {
  for (const std::vector<std::size_t>& widths :
       std::vector<std::vector<std::size_t>>{{30, 4}, {30, 17, 5}, {49, 70, 13, 10}}) {
    SimpleRng rng(5);
    ThreadTeam team(2);
    Mlp model(widths, rng);
    for (Tensor* t : model.tensors()) {  // biases away from 0, and ReLU inputs off the kink
      if (t->shape.size() == 1) {
        for (float& b : t->value) b = (rng.next_u32() & 1 ? 1.0f : -1.0f) * rng.range(0.3f, 0.6f);
      }
    }
    const test::RandomBatch random(5, widths.front(), widths.back(), rng);
    Floats dlogits(5 * widths.back());
    for (float& d : dlogits) d = rng.range(-1.0f, 1.0f);
    const Batch batch = random.batch();
    const auto loss = [&] { return dot_with_logits(model, batch, dlogits, team); };
    loss();
    model.backward(batch, dlogits, team);
    for (Tensor* t : model.tensors()) {
      INFO(t->name);
      REQUIRE(test::max_grad_error(*t, loss, 1e-3f) < 1e-3);
    }
  }
}

TEST_CASE("Mlp: the fused descent equals backward and a step") {
  SimpleRng rng(5), same(5);
  ThreadTeam team(2);
  Mlp fused({49, 70, 10}, rng), plain({49, 70, 10}, same);
  const test::RandomBatch random(17, 49, 10, rng);
  const Batch batch = random.batch();
  Floats dlogits(17 * 10);
  for (float& d : dlogits) d = rng.range(-1.0f, 1.0f);
  fused.forward(batch, team);
  fused.backward_and_descend(batch, dlogits, 0.1f, team);
  plain.forward(batch, team);
  plain.backward(batch, dlogits, team);
  for (Tensor* t : plain.tensors()) descend(*t, 0.1f);
  for (std::size_t i = 0; i < plain.tensors().size(); ++i) {
    const Floats &a = fused.tensors()[i]->value, &b = plain.tensors()[i]->value;
    for (std::size_t j = 0; j < a.size(); ++j) REQUIRE(std::abs(a[j] - b[j]) < 1e-5f);
  }
}

TEST_CASE("Mlp: 8 samples are learned by heart, to the same bits with 1, 2 and 3 threads") {
  Floats first_weights;
  for (const std::size_t threads : {1u, 2u, 3u}) {
    SimpleRng rng(1);
    ThreadTeam team(threads);
    Mlp model({784, 130, 10}, rng);
    const test::RandomBatch random(8, 784, 10, rng, 0.2f);
    Floats dlogits(8 * 10);
    double loss = 0;
    for (int step = 0; step < 200; ++step) {
      const auto logits = model.forward(random.batch(), team);
      loss = softmax_cross_entropy(logits, random.labels, dlogits) / 8;
      model.backward_and_descend(random.batch(), dlogits, 0.1f, team);
    }
    CHECK(loss < 0.01);
    const Floats& weights = model.tensors()[0]->value;
    if (threads == 1) first_weights = weights;
    CHECK(weights == first_weights);
  }
}
