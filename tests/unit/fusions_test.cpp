// Every fusion against the layers that it stands for: logits and all gradients, a step of SGD, with every
// instruction set, and the same bits for any number of threads.
#include "nn/fusions/all_fusions.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "catch.hpp"
#include "gradient_check.hpp"
#include "instruction_sets.hpp"
#include "nn/network.hpp"

using namespace nn;

namespace {

struct FusedNetwork {
  std::string text, fusion;
  Shape input{6, 8, 1};
};

const std::vector<FusedNetwork> kFusedNetworks{
    {"dense 70, relu, dense 10", "sparse dense + dense"},
    {"dense 3", "sparse dense"},
    {"dense 130, gelu, dropout 0.3, dense 5", "sparse dense + dense"},
    {"dense 65, tanh, dropout 0.2, dense 4", "sparse dense + dense"},
    {"dense 20, leaky-relu, dense 80, sigmoid, dense 3", "sparse dense"},
    {"dense 66, sigmoid, dropout 0.5, dense 70, relu, dense 3", "sparse dense"},
    {"dense 9, dense 4", "sparse dense + dense", {47}},
    {"dense 520, relu, dense 520, relu, dense 3", "dense + SGD"},
    {"conv 8 3x3, relu, max-pool 2, dense 10", "conv + relu + max-pool + dense"},
    {"conv 3 5x5, max-pool 2, relu, dense 12", "conv + relu + max-pool + dense", {7, 9, 1}},
    {"conv 17 7x7, relu, max-pool 2, dense 2", "conv + relu + max-pool + dense", {9, 8, 1}},
    {"patches 2 8, position sinusoidal, relu, attention 1, dense 12, relu, dense 8, mean, dense 4",
     "patches + attention + mean"},
    {"patches 2 8, position learned, relu, attention 4, dense 12, relu, dense 5, mean, dense 4",
     "patches + attention + mean"},
    {"patches 2 32, relu, attention 2, dense 9, relu, dense 7, mean", "patches + attention + mean"},
    {"patches 4 6, relu, attention 3, dense 6, relu, dense 6, mean, relu, dense 3",
     "patches + attention + mean",
     {8, 12, 1}},
    {"conv 2 3x3, relu, max-pool 2, dense 64", "conv + relu + max-pool + dense"},
    {"conv 5 3x3, relu, max-pool 2, dense 65, dense 3", "conv + relu + max-pool"},
    {"conv 9 5x5, max-pool 2, relu, conv 3 3x3, dense 3", "conv + relu + max-pool", {7, 9, 1}},
    {"conv 17 3x3, max-pool 2, batch-norm, dense 3", "conv + max-pool"},
    {"conv 5 3x3, batch-norm, relu, max-pool 2, dense 3", "batch-norm + relu"},
    {"conv 19 2x2, batch-norm, conv 3 3x3, dense 3", "batch-norm"},
    {"dense 70, batch-norm, relu, dense 4", "batch-norm + relu"},
    {"conv 9 3x3, conv 12 3x3, dense 3", "3x3 conv"},
    {"conv 11 2x2, tanh, conv 24 3x3 valid, tanh, dense 3", "3x3 conv", {7, 10, 1}},
    {"conv 10 3x3, tanh, max-pool 2, dense 3", "max-pool", {7, 9, 1}},
    {"conv 3 3x3, tanh, max-pool 3, dense 3", "max-pool"},
    {"conv 9 3x3, residual(conv 9 3x3, batch-norm, relu), dense 3", "batch-norm + relu"},
};

struct Made {
  Floats logits;
  std::vector<Floats> grads, stepped, buffers;
};

// What a network makes of a batch, from the same weights every time.
Made run(const FusedNetwork& c, bool fusions, std::size_t batch, std::size_t threads) {
  SimpleRng rng(3);
  ThreadTeam team(threads);
  Network network = parse_network(c.text, c.input, "test").build(rng);
  network.use_fusions(fusions);
  for (Tensor* t : network.tensors()) {
    for (float& v : t->value) v += rng.range(-0.1f, 0.1f);
  }
  const test::RandomBatch images(batch, c.input.size(), network.classes(), rng, 0.3f);
  const Floats dlogits = test::random_floats(batch * network.classes(), 1.0f, rng);
  const Pass pass{.team = team, .training = true, .step = 2};
  Made made;
  network.forward(test::RandomBatch(batch + 2, c.input.size(), 2, rng).batch(),
                  pass);  // what is left of another batch
  const std::span<const float> logits = network.forward(images.batch(), pass);
  made.logits.assign(logits.begin(), logits.end());
  network.backward(images.batch(), dlogits, pass);
  for (Tensor* t : network.tensors()) made.grads.push_back(t->grad);
  network.forward(images.batch(), pass);
  network.backward_and_step(images.batch(), dlogits, 0.1f, pass);
  for (Tensor* t : network.tensors()) made.stepped.push_back(t->value);
  for (Tensor* t : network.state()) made.buffers.push_back(t->value);
  return made;
}

// To 1e-5 of the largest value of all.
void check_equal(const std::vector<Floats>& found, const std::vector<Floats>& expected) {
  REQUIRE(found.size() == expected.size());
  float largest = 0;
  for (const Floats& values : expected) {
    for (const float v : values) largest = std::max(largest, std::abs(v));
  }
  for (std::size_t t = 0; t < found.size(); ++t) {
    CAPTURE(t);
    REQUIRE(found[t].size() == expected[t].size());
    bool all = true;
    for (std::size_t i = 0; i < found[t].size(); ++i) {
      all &= std::abs(found[t][i] - expected[t][i]) <= 1e-5f * largest;  // false for a NaN
    }
    REQUIRE(all);
  }
}

}  // namespace

TEST_CASE("every fusion makes what its layers make, forward and backward, with every instruction set") {
  for (const FusedNetwork& c : kFusedNetworks) {
    INFO(c.text);
    SimpleRng rng(1);
    const std::vector<std::string> names = parse_network(c.text, c.input, "test").build(rng).fusions();
    CHECK(std::ranges::count(names, c.fusion) == 1);
    for (const std::size_t batch : {1u, 5u, 37u}) {
      CAPTURE(batch);
      const Made plain = run(c, false, batch, 1);
      test::with_every_instruction_set([&] {
        const Made fused = run(c, true, batch, 2);
        check_equal({fused.logits}, {plain.logits});
        check_equal(fused.grads, plain.grads);
        check_equal(fused.stepped, plain.stepped);
        check_equal(fused.buffers, plain.buffers);
      });
    }
  }
}

TEST_CASE("a network with fusions has the same bits for any number of threads") {
  for (const FusedNetwork& c : kFusedNetworks) {
    INFO(c.text);
    const Made one = run(c, true, 19, 1);
    for (const std::size_t threads : {2u, 3u}) {
      const Made more = run(c, true, 19, threads);
      CHECK(more.logits == one.logits);
      CHECK(more.grads == one.grads);
      CHECK(more.buffers == one.buffers);
    }
  }
}

TEST_CASE("a step of SGD at learning rate 0, with which a warm-up begins, changes nothing") {
  for (const FusedNetwork& c : kFusedNetworks) {
    INFO(c.text);
    SimpleRng rng(5);
    ThreadTeam team(2);
    Network network = parse_network(c.text, c.input, "test").build(rng);
    const test::RandomBatch images(4, c.input.size(), network.classes(), rng);
    const Floats dlogits = test::random_floats(4 * network.classes(), 1.0f, rng);
    std::vector<Floats> before;
    for (const Tensor* t : network.tensors()) before.push_back(t->value);
    network.forward(images.batch(), {team});
    network.backward_and_step(images.batch(), dlogits, 0.0f, {team});
    for (std::size_t i = 0; i < before.size(); ++i) CHECK(network.tensors()[i]->value == before[i]);
  }
}

TEST_CASE("empty images and images without a zero go through every fusion") {
  for (const FusedNetwork& c : kFusedNetworks) {
    INFO(c.text);
    for (const std::uint8_t pixel : {std::uint8_t{0}, std::uint8_t{255}}) {
      SimpleRng rng(4);
      ThreadTeam team(2);
      Network network = parse_network(c.text, c.input, "test").build(rng);
      const std::vector<std::uint8_t> pixels(3 * c.input.size(), pixel), labels(3);
      const Batch batch{3, pixels, labels};
      const std::span<const float> fused = network.forward(batch, {team});
      const Floats logits(fused.begin(), fused.end());
      network.use_fusions(false);
      const std::span<const float> plain = network.forward(batch, {team});
      check_equal({logits}, {Floats(plain.begin(), plain.end())});
    }
  }
}
