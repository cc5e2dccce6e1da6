#include "nn/models/mlp.hpp"

#include "catch.hpp"
#include "fused_descent.hpp"
#include "gradient_check.hpp"
#include "instruction_sets.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/models/model.hpp"
#include "plain_mlp.hpp"

using namespace nn;

static_assert(Model<Mlp>);

namespace {

constexpr std::uint64_t kSeed = 5;

// Every activation, one to four layers, with and without dropout; widths that fill no column block, and more
// than one. Batches of more than 16 samples are worked on in blocks.
std::vector<MlpShape> shapes() {
  std::vector<MlpShape> all{Mlp::input(30).dense(4)};
  for (const auto& [name, f] : kActivationNames) {
    all.push_back(Mlp::input(31).dense(17).activation(f).dense(5));
    all.push_back(
        Mlp::input(49).dense(70).activation(f).dropout(0.3).dense(13).activation(f).dropout(0.2).dense(10));
  }
  all.push_back(Mlp::input(30).dense(19).gelu().dense(1).leaky_relu().dense(20).gelu().dropout(0.4).dense(4));
  all.push_back(Mlp::input(50).dense(130).relu().dropout(0.1).dense(65).sigmoid().dense(9).relu().dense(3));
  return all;
}

// A network, a training batch of it whose second image has no ink, and a random dlogits.
struct Case {
  explicit Case(const MlpShape& shape, std::size_t samples = 18)
      : rng(kSeed), model(shape, rng), images(samples, shape.inputs, shape.classes(), rng) {
    test::spread_parameters(model.tensors(), rng);
    std::fill_n(&images.pixels[shape.inputs], shape.inputs, std::uint8_t{0});
    dlogits = test::random_floats(samples * shape.classes(), 1.0f, rng);
  }
  Batch batch() const {
    Batch batch = images.batch();
    batch.step = 3;
    return batch;
  }

  SimpleRng rng;
  Mlp model;
  test::RandomBatch images;
  Floats dlogits;
};

}  // namespace

TEST_CASE("Mlp: logits are the definition's, in training and at inference") {
  ThreadTeam team(2);
  for (const MlpShape& shape : shapes()) {
    INFO(shape.summary());
    for (const std::size_t samples : {2u, 35u}) {
      Case c(shape, samples);
      for (const Batch& batch : {c.batch(), c.images.batch()}) {
        const std::span<const float> logits = c.model.forward(batch, team);
        const test::Doubles expected = test::plain_mlp(c.model, batch, kSeed);
        REQUIRE(logits.size() == expected.size());
        for (std::size_t i = 0; i < logits.size(); ++i) {
          REQUIRE(static_cast<double>(logits[i]) == Approx(expected[i]).epsilon(1e-5).margin(1e-5));
        }
      }
    }
  }
}

TEST_CASE("Mlp: every gradient equals finite differences of the definition") {
  ThreadTeam team(2);
  for (const MlpShape& shape : shapes()) {
    Case c(shape);
    const Batch batch = c.batch();
    c.model.forward(batch, team);
    for (Tensor* t : c.model.tensors()) t->grad.assign(t->value.size(), 7.0f);  // overwritten, not added to
    c.model.backward(batch, c.dlogits, team);
    const auto loss = [&] { return test::logit_loss(test::plain_mlp(c.model, batch, kSeed), c.dlogits); };
    for (Tensor* t : c.model.tensors()) {
      INFO(shape.summary() << ", " << t->name);
      // In double precision the step may be tiny, so that next to no ReLU changes sides within it.
      REQUIRE(test::max_grad_error(*t, loss, 0x1p-22f, 60) < 1e-3);
    }
  }
}

TEST_CASE("Mlp: the fused descent equals backward and a step") {
  ThreadTeam team(2);
  for (const MlpShape& shape : shapes()) {
    INFO(shape.summary());
    Case fused(shape), plain(shape);
    test::require_fused_descent(fused.model, plain.model, fused.batch(), fused.dlogits, 0.1f, team);
  }
}

TEST_CASE("Mlp: widths alone mean ReLU layers of Xavier weights") {
  SimpleRng rng(1), same(1);
  Mlp widths({20, 8, 6, 3}, rng), told = Mlp::input(20).dense(8).relu().dense(6).relu().dense(3).build(same);
  CHECK(widths.shape().summary() == "20 -> 8 (relu) -> 6 (relu) -> 3 (softmax)");
  CHECK(widths.shape().summary() == told.shape().summary());
  for (std::size_t i = 0; i < 6; ++i) CHECK(widths.tensors()[i]->value == told.tensors()[i]->value);
  CHECK(rng.state() == same.state());
}

TEST_CASE("MlpShape: the layers as told") {
  const MlpShape shape =
      Mlp::input(9).dense(4, Init::he).leaky_relu().dropout(0.25).dense(5, Init::normal).dense(3);
  CHECK(shape.summary() == "9 -> 4 (leaky-relu, dropout 0.25) -> 5 (none) -> 3 (softmax)");
  CHECK(shape.layers[0].init == Init::he);
  CHECK(shape.layers[1].init == Init::normal);
  CHECK(shape.classes() == 3);
  SimpleRng rng(1);
  Mlp model(shape, rng);
  std::size_t parameters = 0;
  for (const Tensor* t : model.tensors()) parameters += t->value.size();
  CHECK(shape.parameters() == parameters);
}

TEST_CASE("Mlp: 8 samples are learned by heart, to the same bits with 1, 2 and 3 threads") {
  const std::vector<MlpShape> learners{Mlp::input(784).dense(130).relu().dense(10),
                                       Mlp::input(784).dense(130).gelu().dropout(0.1).dense(10)};
  for (const MlpShape& shape : learners) {
    std::vector<Floats> first_weights;
    for (const std::size_t threads : {1u, 2u, 3u}) {
      SimpleRng rng(1);
      ThreadTeam team(threads);
      Mlp model(shape, rng);
      const test::RandomBatch random(8, 784, 10, rng, 0.2f);
      Floats dlogits(8 * 10);
      Batch batch = random.batch();
      for (batch.step = 1; batch.step <= 200; ++batch.step) {
        softmax_cross_entropy(model.forward(batch, team), random.labels, dlogits);
        model.backward_and_descend(batch, dlogits, 0.1f, team);
      }
      const auto logits = model.forward(random.batch(), team);
      CHECK(softmax_cross_entropy(logits, random.labels, dlogits) / 8 < 0.01);
      for (std::size_t i = 0; i < 4; ++i) {
        if (threads == 1) first_weights.push_back(model.tensors()[i]->value);
        CHECK(model.tensors()[i]->value == first_weights[i]);
      }
    }
  }
}
