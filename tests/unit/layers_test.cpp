// Every layer of the list: its gradients by finite differences, the same bits for any number of threads, and,
// for those that are more than a line, what they compute against loops in double precision.
#include "nn/layers/all_layers.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "catch.hpp"
#include "gradient_check.hpp"
#include "instruction_sets.hpp"
#include "nn/network.hpp"

using namespace nn;

namespace {

// Networks for images of 6 x 5 pixels. A layer of the list that is in none of them fails the first test.
const std::vector<std::string> kImageNetworks{
    "conv 3 3x3, scale-shift, relu, max-pool 2, conv 4 2x2 stride 2, dense 4",
    "conv 5 4x4 valid, leaky-relu, conv 2 1x1, tanh, avg-pool 2, flatten, dense 3",
    "conv 3 5x5 stride 2, batch-norm, sigmoid, conv 2 3x3, global-avg-pool",
    "dense 9, batch-norm, gelu, dropout 0.3, dense 7, layer-norm, dense 3",
    "conv 4 3x3, layer-norm, residual(conv 4 3x3, batch-norm, tanh), dense 3",
    "conv 4 3x3 stride 1, avg-pool 3, dropout 0.5, tanh, dense 3",
    "conv 2 2x2, max-pool 3, dense 2",
};
const std::vector<std::string> kTokenNetworks{
    "patches 2 6, position learned, attention 3, layer-norm, mean, dense 3",
    "patches 3 4, position sinusoidal, relu, residual(layer-norm, attention 2 projection), dense 5, gelu, "
    "mean",
    "patches 2 8, repeat 2 (residual(attention 1), residual(dense 6, tanh, dense 8)), flatten, dense 3",
};

struct LayerCase {
  std::string text;
  Shape input;
};
std::vector<LayerCase> layer_cases() {
  std::vector<LayerCase> all;
  for (const std::string& text : kImageNetworks) all.push_back({text, {6, 5, 1}});
  for (const std::string& text : kTokenNetworks) all.push_back({text, {6, 6, 1}});
  return all;
}

// Numbers that differ from one another and from 0 by more than a finite difference's step.
Floats spread_out(std::size_t size, SimpleRng& rng) {
  Floats x(size);
  for (std::size_t i = 0; i < size; ++i)
    x[i] = (static_cast<float>(i) + 0.5f - 0.5f * static_cast<float>(size)) * 0.05f;
  rng.shuffle(std::span(x));
  return x;
}

// Calls f(layer, shape of its input) for a network's layers.
template <class F>
void for_layers_of(Network& network, F f) {
  Shape shape = network.input_shape();
  for (const auto& layer : network.layers()) {
    f(*layer, shape);
    shape = layer->output(shape);
  }
}

std::vector<Tensor*> tensors_of(Layer& layer) {
  std::vector<Tensor*> all = layer.tensors();
  if (!layer.inner()) return all;
  for (const auto& inner : *layer.inner()) {
    for (Tensor* t : tensors_of(*inner)) all.push_back(t);
  }
  return all;
}

}  // namespace

TEST_CASE("every layer of the list is in a network of this test") {
  std::string all;
  for (const LayerCase& c : layer_cases()) all += c.text + " ";
  for (const LayerKind& kind : layer_kinds()) {
    INFO(kind.name);
    CHECK(all.find(kind.name) != all.npos);
  }
}

TEST_CASE("every layer's backward is the derivative of its forward: of its input, and of all its tensors") {
  SimpleRng rng(7);
  ThreadTeam team(1);
  const Pass pass{.team = team, .training = true, .step = 3, .seed = 5};
  for (const LayerCase& c : layer_cases()) {
    INFO(c.text);
    Network network = parse_network(c.text, c.input, "test").build(rng);
    network.use_fusions(false);
    for_layers_of(network, [&](Layer& layer, const Shape& in) {
      INFO(layer.name());
      constexpr std::size_t B = 3;
      const std::size_t out = layer.output(in).size();
      Floats x = spread_out(B * in.size(), rng), y(B * out), dx(B * in.size(), 9.0f);
      const Floats dy = test::random_floats(B * out, 1.0f, rng);
      for (Tensor* t : tensors_of(layer)) {
        for (float& v : t->value) v += rng.range(-0.2f, 0.2f);
        t->make_grad();
        std::ranges::fill(t->grad, 9.0f);
      }
      layer.reserve(B);
      const auto loss = [&] {
        layer.forward(mat(x, B, in.size()), mat(y, B, out), pass);
        return test::weighted_sum(y, dy);
      };
      loss();
      layer.backward(mat(x, B, in.size()), mat(y, B, out), mat(dy, B, out), mat(dx, B, in.size()), pass);
      double least = 0;
      for (const float d : dx) least = std::max(least, 0.1 * std::abs(static_cast<double>(d)));
      REQUIRE(test::max_grad_error(x, dx, least, loss) < 2e-3);
      for (Tensor* t : tensors_of(layer)) {
        INFO(t->name);
        REQUIRE(test::max_grad_error(t->value, t->grad, least, loss) < 2e-3);
      }
    });
  }
}

TEST_CASE("a network without fusions has the same bits for any number of threads") {
  for (const LayerCase& c : layer_cases()) {
    INFO(c.text);
    std::vector<Floats> first;
    for (const std::size_t threads : {1u, 2u, 3u}) {
      SimpleRng rng(8);
      ThreadTeam team(threads);
      Network network = parse_network(c.text, c.input, "test").build(rng);
      network.use_fusions(false);
      const test::RandomBatch images(33, c.input.size(), network.classes(), rng);
      const Floats dlogits = test::random_floats(33 * network.classes(), 1.0f, rng);
      const Pass pass{.team = team, .training = true, .step = 1};
      const std::span<const float> logits = network.forward(images.batch(), pass);
      std::vector<Floats> made{Floats(logits.begin(), logits.end())};
      network.backward(images.batch(), dlogits, pass);
      for (Tensor* t : network.tensors()) made.push_back(t->grad);
      if (first.empty()) first = made;
      REQUIRE(made == first);
    }
  }
}

TEST_CASE("a convolution is six loops") {
  SimpleRng rng(9);
  ThreadTeam team(2);
  for (const std::size_t stride : {1u, 2u, 3u}) {
    for (const std::size_t K : {1u, 2u, 3u, 5u}) {
      for (const bool valid : {false, true}) {
        const Shape in{7, 6, 3};
        Conv2d conv(5, K, stride, valid);
        conv.prepare(in);
        for (Tensor* t : conv.tensors()) {
          t->allocate();
          for (float& v : t->value) v = rng.range(-1.0f, 1.0f);
        }
        const Shape out = conv.output(in);
        CHECK(out.height() == (valid ? (7 - K) / stride + 1 : 6 / stride + 1));
        const Floats x = test::random_floats(2 * in.size(), 1.0f, rng);
        Floats y(2 * out.size());
        conv.forward(mat(x, 2, in.size()), mat(y, 2, out.size()), {team});
        const std::size_t pad = valid ? 0 : (K - 1) / 2;
        for (std::size_t i = 0; i < y.size(); ++i) {
          const std::size_t s = i / out.size(), f = i % 5, oy = i / 5 / out.width() % out.height(),
                            ox = i / 5 % out.width();
          double expected = static_cast<double>(conv.b.value[f]);
          for (std::size_t ky = 0; ky < K; ++ky) {
            for (std::size_t kx = 0; kx < K; ++kx) {
              const std::size_t iy = oy * stride + ky - pad, ix = ox * stride + kx - pad;  // may wrap around
              if (iy >= 7 || ix >= 6) continue;
              for (std::size_t c = 0; c < 3; ++c) {
                expected += static_cast<double>(x[s * in.size() + (iy * 6 + ix) * 3 + c]) *
                            static_cast<double>(conv.w.value[((f * 3 + c) * K + ky) * K + kx]);
              }
            }
          }
          REQUIRE(static_cast<double>(y[i]) == Approx(expected).margin(1e-5));
        }
      }
    }
  }
}

TEST_CASE("attention is its formula, head by head") {
  SimpleRng rng(10);
  ThreadTeam team(2);
  const std::size_t S = 5, D = 6, B = 2;
  for (const std::size_t H : {1u, 2u, 3u}) {
    for (const bool projection : {false, true}) {
      Attention attention(H, projection);
      attention.prepare({S, D});
      for (Tensor* t : attention.tensors()) {
        t->allocate();
        for (float& v : t->value) v = rng.range(-1.0f, 1.0f);
      }
      const Floats x = test::random_floats(B * S * D, 1.0f, rng);
      Floats y(x.size());
      attention.reserve(B);
      attention.forward(mat(x, B, S * D), mat(y, B, S * D), {team});

      using Doubles = std::vector<double>;
      const auto linear = [&](const Attention::Linear& l, const Doubles& from) {
        Doubles to(from.size());
        for (std::size_t i = 0; i < to.size(); ++i) {
          to[i] = static_cast<double>(l.b.value[i % D]);
          for (std::size_t d = 0; d < D; ++d)
            to[i] += from[i / D * D + d] * static_cast<double>(l.w.value[d * D + i % D]);
        }
        return to;
      };
      const Doubles xs(x.begin(), x.end()), q = linear(attention.query, xs), k = linear(attention.key, xs),
                                            v = linear(attention.value, xs);
      Doubles mixed(xs.size());
      const std::size_t width = D / H;
      for (std::size_t s = 0; s < B; ++s) {
        for (std::size_t h = 0; h < H; ++h) {
          for (std::size_t i = 0; i < S; ++i) {
            Doubles p(S);
            double sum = 0;
            for (std::size_t j = 0; j < S; ++j) {
              for (std::size_t d = h * width; d < (h + 1) * width; ++d)
                p[j] += q[(s * S + i) * D + d] * k[(s * S + j) * D + d];
              sum += p[j] = std::exp(p[j] / std::sqrt(static_cast<double>(width)));
            }
            for (std::size_t j = 0; j < S; ++j) {
              CHECK(static_cast<double>(attention.p(s, h).data[i * padded_row(S) + j]) ==
                    Approx(p[j] / sum).margin(1e-6));
              for (std::size_t d = h * width; d < (h + 1) * width; ++d) {
                mixed[(s * S + i) * D + d] += p[j] / sum * v[(s * S + j) * D + d];
              }
            }
          }
        }
      }
      const Doubles expected = projection ? linear(attention.output_projection, mixed) : mixed;
      for (std::size_t i = 0; i < y.size(); ++i)
        REQUIRE(static_cast<double>(y[i]) == Approx(expected[i]).margin(1e-5));
    }
  }
}

TEST_CASE("batch norm uses the batch in training, and later what it has seen") {
  SimpleRng rng(11);
  ThreadTeam team(2);
  BatchNorm norm;
  const Shape shape{2, 2, 3};
  norm.prepare(shape);
  for (Tensor* t : {&norm.w, &norm.b, &norm.running_mean, &norm.running_var}) t->allocate();
  norm.draw(Init::xavier, rng);
  Floats x = test::random_floats(5 * 12, 1.0f, rng), y(x.size());
  for (std::size_t i = 0; i < x.size(); i += 3) x[i] += 50;  // a mean far from 0
  norm.forward(mat(x, 5, 12), mat(y, 5, 12), {team, true, 1});
  for (std::size_t c = 0; c < 3; ++c) {
    double mean = 0, square = 0, y_mean = 0, y_square = 0;
    for (std::size_t i = c; i < x.size(); i += 3) mean += static_cast<double>(x[i]) / 20;
    for (std::size_t i = c; i < x.size(); i += 3) square += std::pow(static_cast<double>(x[i]) - mean, 2);
    for (std::size_t i = c; i < y.size(); i += 3) y_mean += static_cast<double>(y[i]) / 20;
    for (std::size_t i = c; i < y.size(); i += 3) y_square += std::pow(static_cast<double>(y[i]), 2) / 20;
    CHECK(y_mean == Approx(0).margin(1e-5));
    CHECK(y_square == Approx(square / 20 / (square / 20 + 1e-5)).epsilon(1e-4));
    CHECK(static_cast<double>(norm.running_mean.value[c]) == Approx(0.1 * mean).epsilon(1e-4));
    CHECK(static_cast<double>(norm.running_var.value[c]) == Approx(0.9 + 0.1 * square / 19).epsilon(1e-4));
  }
  norm.forward(mat(x, 5, 12), mat(y, 5, 12), {team});
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double mean = static_cast<double>(norm.running_mean.value[i % 3]);
    const double expected = (static_cast<double>(x[i]) - mean) /
                            std::sqrt(static_cast<double>(norm.running_var.value[i % 3]) + 1e-5);
    CHECK(static_cast<double>(y[i]) == Approx(expected).epsilon(1e-5));
  }
}
