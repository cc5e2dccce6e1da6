#include <cmath>

#include "catch.hpp"
#include "fused_descent.hpp"
#include "gradient_check.hpp"
#include "instruction_sets.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/models/attention_pool.hpp"
#include "nn/models/model.hpp"
#include "plain_attention.hpp"

using namespace nn;

static_assert(Model<AttentionPool>);

namespace {

// The largest so far. Keeps a NaN.
void raise_to(double& largest, double value) {
  if (!(value <= largest)) largest = value;
}

test::Doubles row_of(const Floats& m, std::size_t row, std::size_t stride, std::size_t columns) {
  const auto begin = m.begin() + static_cast<std::ptrdiff_t>(row * stride);
  return {begin, begin + static_cast<std::ptrdiff_t>(columns)};
}

// Networks that no size of another is a multiple of, and the ones a user picks.
const std::vector<AttentionShape> kShapes = {
    {.height = 6, .width = 9, .patch = 3, .d_model = 5, .ff = 7, .heads = 1, .classes = 3},
    {.height = 8, .width = 8, .patch = 2, .d_model = 6, .ff = 17, .heads = 3, .classes = 4},
    {.height = 5, .width = 5, .patch = 5, .d_model = 4, .ff = 3, .heads = 2, .classes = 2},
    {.height = 12,
     .width = 8,
     .patch = 4,
     .d_model = 8,
     .ff = 6,
     .heads = 1,
     .classes = 10,
     .position = Position::none},
    {.height = 28, .width = 28, .patch = 4, .d_model = 64, .ff = 128, .heads = 1, .classes = 10},
    {.height = 28,
     .width = 28,
     .patch = 7,
     .d_model = 32,
     .ff = 48,
     .heads = 4,
     .classes = 10,
     .position = Position::learned}};

// A network with spread parameters, a batch in which a fifth of the pixels have ink and the second image
// none, and a random dlogits.
struct Case {
  Case(const AttentionShape& shape, std::size_t samples)
      : rng(5), model(shape, rng), images(samples, shape.height * shape.width, shape.classes, rng, 0.2f) {
    test::spread_parameters(model.tensors(), rng);
    const std::size_t size = shape.height * shape.width;
    if (samples > 1) std::fill_n(&images.pixels[size], size, std::uint8_t{0});
    dlogits = test::random_floats(samples * shape.classes, 1.0f, rng);
  }
  // Its gradient is what backward(dlogits) gives.
  double plain_loss() {
    return test::logit_loss(test::plain_attention_pool(model, images.batch()).logits, dlogits);
  }

  SimpleRng rng;
  AttentionPool model;
  test::RandomBatch images;
  Floats dlogits;
};

}  // namespace

TEST_CASE("softmax_rows and its backward equal the plain ones, with every instruction set") {
  test::with_every_instruction_set([] {
    constexpr std::size_t kRows = 3;
    SimpleRng rng(3);
    for (const std::size_t size : {1u, 3u, 15u, 16u, 17u, 49u, 64u, 515u}) {
      for (const float range : {1.0f, 30.0f, 3000.0f}) {
        const std::size_t stride = padded_row(size);
        const Floats s = test::random_floats(kRows * stride, range, rng),
                     dp = test::random_floats(kRows * stride, 1.0f, rng);
        Floats p = s, ds = dp;
        softmax_rows(padded(p, kRows, size), 0.125f);
        softmax_rows_backward(padded(p, kRows, size), 0.125f, padded(ds, kRows, size));
        double p_error = 0, ds_error = 0;
        for (std::size_t r = 0; r < kRows; ++r) {
          const test::Doubles plain_p = test::plain_softmax(row_of(s, r, stride, size), 0.125);
          const test::Doubles plain_ds =
              test::plain_softmax_backward(plain_p, 0.125, row_of(dp, r, stride, size));
          for (std::size_t c = 0; c < size; ++c) {
            const double p_here = static_cast<double>(p[r * stride + c]),
                         ds_here = static_cast<double>(ds[r * stride + c]);
            raise_to(p_error, std::abs(p_here - plain_p[c]) / (plain_p[c] + 1e-30));
            raise_to(ds_error, std::abs(ds_here - plain_ds[c]));
          }
        }
        // An argument of exp() is rounded in proportion to its size.
        REQUIRE(p_error < 1e-6 + 1e-7 * static_cast<double>(range));
        REQUIRE(ds_error < 1e-6 + 1e-7 * static_cast<double>(range));
      }
    }
  });
}

TEST_CASE("transpose equals two loops, with every instruction set") {
  test::with_every_instruction_set([] {
    SimpleRng rng(6);
    for (const std::size_t rows : {1u, 3u, 4u, 17u, 49u}) {
      for (const std::size_t cols : {1u, 3u, 8u, 17u, 64u}) {
        const Floats from = test::random_floats(rows * cols, 1.0f, rng);
        Floats to(cols * padded_row(rows), 7.0f), plain = to;
        transpose(mat(from, rows, cols), padded(to, cols, rows));
        for (std::size_t i = 0; i < from.size(); ++i) plain[i % cols * padded_row(rows) + i / cols] = from[i];
        REQUIRE(to == plain);
      }
    }
  });
}

TEST_CASE("relu_mean and its backward equal the plain ones, with every instruction set") {
  test::with_every_instruction_set([] {
    SimpleRng rng(4);
    for (const std::size_t tokens : {1u, 3u, 49u}) {
      for (const std::size_t width : {1u, 3u, 17u, 128u}) {
        const Floats z = test::random_floats(tokens * width, 1.0f, rng),
                     dmean = test::random_floats(width, 1.0f, rng);
        Floats h = z, mean(width), dh(z.size(), 7.0f);
        relu_mean(mat(h, tokens, width), mean);
        relu_mean_backward(mat(h, tokens, width), dmean, mat(dh, tokens, width));
        for (std::size_t c = 0; c < width; ++c) {
          double sum = 0;
          for (std::size_t i = c; i < z.size(); i += width) {
            REQUIRE(h[i] == std::max(z[i], 0.0f));
            REQUIRE(dh[i] == Approx(z[i] > 0 ? dmean[c] / static_cast<float>(tokens) : 0.0f));
            sum += static_cast<double>(h[i]);
          }
          REQUIRE(static_cast<double>(mean[c]) == Approx(sum / static_cast<double>(tokens)).epsilon(1e-5));
        }
      }
    }
  });
}

TEST_CASE("AttentionPool: logits and probabilities are the definition's") {
  test::with_every_instruction_set([] {
    for (const AttentionShape& shape : kShapes) {
      for (const std::size_t samples : {1u, 3u, 9u}) {
        Case c(shape, samples);
        ThreadTeam team(2);
        const std::span<const float> logits = c.model.forward(c.images.batch(), team);
        const test::PlainAttention plain = test::plain_attention_pool(c.model, c.images.batch());
        REQUIRE(logits.size() == plain.logits.size());
        double logit_error = 0, p_error = 0;
        for (std::size_t i = 0; i < logits.size(); ++i) {
          raise_to(logit_error, std::abs(static_cast<double>(logits[i]) - plain.logits[i]));
        }
        const double* plain_p = plain.probabilities.data();
        for (std::size_t s = 0; s < samples; ++s) {
          for (std::size_t head = 0; head < shape.heads; ++head) {
            const ConstMatrix p = c.model.attention(s, head);
            for (std::size_t i = 0; i < shape.tokens(); ++i) {
              for (std::size_t j = 0; j < shape.tokens(); ++j) {
                raise_to(p_error, std::abs(static_cast<double>(p.data[i * p.stride + j]) - *plain_p++));
              }
            }
          }
        }
        REQUIRE(logit_error < 1e-5);
        REQUIRE(p_error < 1e-5);
      }
    }
  });
}

TEST_CASE("AttentionPool: every gradient equals finite differences of the definition") {
  for (const AttentionShape& shape : kShapes) {
    const bool is_large = shape.tokens() == 49;
    Case c(shape, is_large ? 3 : 9);
    ThreadTeam team(2);
    c.model.forward(c.images.batch(), team);
    for (Tensor* t : c.model.tensors()) std::ranges::fill(t->grad, 7.0f);  // overwritten, not added to
    c.model.backward(c.images.batch(), c.dlogits, team);
    for (Tensor* t : c.model.tensors()) {
      INFO(t->name << ", " << shape.tokens() << " tokens");
      if (t->name == "pos" && shape.position == Position::none) {
        REQUIRE(t->grad == Floats(t->grad.size()));
      } else {
        // In double precision the step may be tiny, so that next to no ReLU changes sides within it.
        REQUIRE(test::max_grad_error(
                    *t, [&] { return c.plain_loss(); }, 0x1p-22f, is_large ? 4 : 100) < 1e-3);
      }
    }
  }
}

TEST_CASE("AttentionPool: the positions a network starts with") {
  SimpleRng rng(1), same(1);
  AttentionPool sinusoidal({}, rng), none({.position = Position::none}, same);
  const Tensor &pos = *sinusoidal.tensors()[2], &zero = *none.tensors()[2];
  CHECK(pos.value[0] == 0.0f);
  CHECK(pos.value[1] == 1.0f);
  CHECK(pos.value[64 * 3 + 2] == Approx(std::sin(3 / std::pow(10000.0, 2.0 / 64))));
  CHECK(pos.value[64 * 3 + 3] == Approx(std::cos(3 / std::pow(10000.0, 2.0 / 64))));
  CHECK(zero.value == Floats(49 * 64));
  CHECK(sinusoidal.tensors()[3]->value == none.tensors()[3]->value);  // neither draws
}

TEST_CASE("AttentionPool: the fused descent equals backward and a step") {
  ThreadTeam team(2);
  for (const AttentionShape& shape : kShapes) {
    Case fused(shape, 9), plain(shape, 9);
    test::require_fused_descent(fused.model, plain.model, fused.images.batch(), fused.dlogits, 0.1f, team);
  }
}

TEST_CASE("AttentionPool: 8 samples are learned by heart, to the same bits with 1, 2 and 3 threads") {
  std::vector<Floats> first_weights;
  for (const std::size_t threads : {1u, 2u, 3u}) {
    SimpleRng rng(1);
    ThreadTeam team(threads);
    AttentionPool model({.patch = 7, .d_model = 32, .ff = 64}, rng);
    const test::RandomBatch random(8, 784, 10, rng, 0.05f);
    Floats dlogits(8 * 10);
    double loss = 0;
    for (int step = 0; step < 600; ++step) {
      const auto logits = model.forward(random.batch(), team);
      loss = softmax_cross_entropy(logits, random.labels, dlogits) / 8;
      model.backward_and_descend(random.batch(), dlogits, 0.2f, team);
    }
    CHECK(loss < 0.01);
    for (std::size_t i = 0; i < model.tensors().size(); ++i) {
      if (threads == 1) first_weights.push_back(model.tensors()[i]->value);
      CHECK(model.tensors()[i]->value == first_weights[i]);
    }
  }
}
