#include <algorithm>
#include <cmath>
#include <iterator>

#include "catch.hpp"
#include "fused_descent.hpp"
#include "gradient_check.hpp"
#include "instruction_sets.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/models/cnn.hpp"
#include "nn/models/model.hpp"
#include "plain_conv.hpp"

using namespace nn;

static_assert(Model<Cnn>);

namespace {

// A network with biases on both sides of 0, a batch whose second image has no ink and whose third is full of
// it, and random dlogits.
struct Case {
  Case(const CnnShape& shape, std::size_t samples, float ink = 0.2f)
      : rng(7), model(shape, rng), images(samples, shape.height * shape.width, shape.classes, rng, ink) {
    for (Tensor* t : model.tensors()) {
      if (t->shape.size() == 1) t->value = test::random_floats(t->value.size(), 0.3f, rng);
    }
    const std::size_t size = shape.height * shape.width;
    if (samples > 1) std::fill_n(&images.pixels[size], size, std::uint8_t{0});
    if (samples > 2) std::fill_n(&images.pixels[2 * size], size, std::uint8_t{255});
    dlogits = test::random_floats(samples * shape.classes, 1.0f, rng);
  }

  const Tensor& tensor(std::size_t i) { return *model.tensors()[i]; }
  test::PlainCnn plain() {
    return {model.shape(), tensor(0).value, tensor(1).value, tensor(2).value, tensor(3).value};
  }

  SimpleRng rng;
  Cnn model;
  test::RandomBatch images;
  Floats dlogits;
};

// Largest difference, relative to the largest value. Keeps a NaN.
double max_error(std::span<const float> values, std::span<const double> expected) {
  REQUIRE(values.size() == expected.size());
  double largest = 1e-3, error = 0;
  for (const double e : expected) largest = std::max(largest, std::abs(e));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double difference = std::abs(static_cast<double>(values[i]) - expected[i]) / largest;
    if (!(difference <= error)) error = difference;
  }
  return error;
}

void require_same_as_plain(Case& c, ThreadTeam& team) {
  const test::PlainCnn plain = c.plain();
  const Batch batch = c.images.batch();
  const std::size_t classes = c.model.classes();
  test::PlainCnn::Gradients expected = plain.no_gradients();
  std::vector<double> logits;
  for (std::size_t s = 0; s < batch.size; ++s) {
    const std::vector<double> sample = plain.forward(batch.image(s));
    logits.insert(logits.end(), sample.begin(), sample.end());
    plain.backward(batch.image(s), std::span(c.dlogits).subspan(s * classes, classes), expected);
  }
  test::with_every_instruction_set([&] {
    REQUIRE(max_error(c.model.forward(batch, team), logits) < 1e-5);
    c.model.backward(batch, c.dlogits, team);
    REQUIRE(max_error(c.tensor(0).grad, expected.conv_w) < 1e-5);
    REQUIRE(max_error(c.tensor(1).grad, expected.conv_b) < 1e-5);
    REQUIRE(max_error(c.tensor(2).grad, expected.fc_w) < 1e-5);
    REQUIRE(max_error(c.tensor(3).grad, expected.fc_b) < 1e-5);
  });
}

// Sizes that fill no vector, sizes that fill several, every kernel, and what mnist_cnn trains.
const std::vector<CnnShape> kShapes = {{.height = 2, .width = 2, .filters = 1, .kernel = 3, .classes = 2},
                                       {.height = 5, .width = 4, .filters = 1, .kernel = 7, .classes = 2},
                                       {.height = 7, .width = 9, .filters = 3, .kernel = 5, .classes = 9},
                                       {.height = 11, .width = 8, .filters = 12, .kernel = 3, .classes = 20},
                                       {.height = 17, .width = 67, .filters = 17, .kernel = 3, .classes = 26},
                                       {.height = 28, .width = 28, .filters = 16, .kernel = 5, .classes = 47},
                                       {.height = 28, .width = 28, .filters = 8, .kernel = 3, .classes = 10}};

}  // namespace

TEST_CASE("The CNN is its plain definition, for all sizes, batches and instruction sets") {
  ThreadTeam team(2);
  for (const CnnShape& shape : kShapes) {
    for (const std::size_t samples : {1u, 3u, 17u}) {
      CAPTURE(shape.height, shape.width, shape.filters, shape.kernel, shape.classes, samples);
      Case c(shape, samples);
      require_same_as_plain(c, team);
    }
  }
}

TEST_CASE("A smaller batch after a larger one leaves nothing behind") {
  ThreadTeam team(2);
  Case large({.height = 9, .width = 8, .filters = 5, .kernel = 3, .classes = 4}, 70, 0.9f);
  require_same_as_plain(large, team);
  test::RandomBatch few(5, 72, 4, large.rng, 0.1f);
  std::swap(large.images, few);
  large.dlogits.resize(5 * 4);
  require_same_as_plain(large, team);
}

// Filters that copy a pixel make exact ties of images that are black and white. Who wins shows in the
// gradients of the weights around the middle, whose pixels differ from one candidate to the next.
TEST_CASE("Of equal values the first in row order wins, and a ReLU of 0 gets no gradient") {
  ThreadTeam team(2);
  Case c({.height = 12, .width = 10, .filters = 9, .kernel = 3, .classes = 3}, 17);
  for (std::uint8_t& p : c.images.pixels) p = c.rng.next_u32() & 1 ? 255 : 0;
  Tensor &w = *c.model.tensors()[0], &b = *c.model.tensors()[1];
  std::ranges::fill(w.value, 0.0f);
  for (std::size_t f = 0; f < 9; ++f) {
    w.value[f * 9 + 4] = f % 2 == 0 ? 1.0f : -1.0f;
    b.value[f] = static_cast<float>(f % 3) - 1.0f;
  }
  require_same_as_plain(c, team);
}

TEST_CASE("Every tensor of the CNN passes the gradient check") {
  ThreadTeam team(1);
  const std::vector<CnnShape> shapes{{.height = 7, .width = 6, .filters = 3, .kernel = 3, .classes = 4},
                                     {.height = 6, .width = 7, .filters = 5, .kernel = 5, .classes = 3},
                                     {.height = 8, .width = 8, .filters = 9, .kernel = 7, .classes = 2}};
  for (const CnnShape& shape : shapes) {
    INFO(shape.summary());
    Case c(shape, 4);
    test::spread_parameters(c.model.tensors(), c.rng);
    const Batch batch = c.images.batch();
    const auto loss = [&] {  // of the plain definition, with so small a step that no winner changes
      const test::PlainCnn plain = c.plain();
      std::vector<double> logits;
      for (std::size_t s = 0; s < batch.size; ++s)
        std::ranges::copy(plain.forward(batch.image(s)), std::back_inserter(logits));
      return test::logit_loss(logits, c.dlogits);
    };
    test::with_every_instruction_set([&] {
      c.model.forward(batch, team);
      c.model.backward(batch, c.dlogits, team);
      for (Tensor* t : c.model.tensors()) REQUIRE(test::max_grad_error(*t, loss, 0x1p-22f, 30) < 1e-3);
    });
  }
}

TEST_CASE("The CNN's fused descent equals backward and a step") {
  ThreadTeam team(2);
  for (const CnnShape& shape : kShapes) {
    test::with_every_instruction_set([&] {
      Case fused(shape, 17), plain(shape, 17);
      test::require_fused_descent(fused.model, plain.model, fused.images.batch(), fused.dlogits, 0.01f, team);
    });
  }
}

TEST_CASE("The CNN's bits do not depend on the number of threads") {
  std::vector<Floats> weights;
  for (const std::size_t threads : {1u, 2u, 3u, 5u}) {
    ThreadTeam team(threads);
    Case c({}, 33);
    for (int step = 0; step < 5; ++step) {
      c.model.forward(c.images.batch(), team);
      c.model.backward_and_descend(c.images.batch(), c.dlogits, 0.01f, team);
    }
    for (std::size_t t = 0; t < 4; ++t) weights.push_back(c.tensor(t).value);
  }
  for (std::size_t i = 4; i < weights.size(); ++i) REQUIRE(weights[i] == weights[i % 4]);
}

TEST_CASE("The CNN learns eight samples by heart") {
  ThreadTeam team(2);
  SimpleRng rng(3);
  Cnn model({.height = 12, .width = 12, .filters = 8, .kernel = 3, .classes = 4}, rng);
  const test::RandomBatch images(8, 144, 4, rng);
  Floats dlogits(8 * 4);
  double loss = 0;
  for (int step = 0; step < 300; ++step) {
    loss = softmax_cross_entropy(model.forward(images.batch(), team), images.labels, dlogits) / 8;
    model.backward_and_descend(images.batch(), dlogits, 0.1f, team);
  }
  REQUIRE(loss < 0.02);
}
