#include "nn/training/optimizer.hpp"

#include <array>
#include <cmath>

#include "catch.hpp"
#include "instruction_sets.hpp"
#include "nn/training/schedule.hpp"

using namespace nn;

TEST_CASE("optimizers agree with PyTorch 2.15 on a recorded case") {
  // w = (0.5, -0.3, 0.8, 0.001), five steps with gradient 0.1 t (1, -2, 0.5, 0.01), clipped to norm 0.6,
  // rate 0.05, weight decay 0.01, momentum 0.9: torch.optim.SGD, Adam, AdamW; clip_grad_norm_.
  const std::vector<std::pair<OptimizerKind, std::array<float, 4>>> recorded = {
      {OptimizerKind::sgd, {0.44451708f, -0.19078238f, 0.77088487f, 0.00045516f}},
      {OptimizerKind::momentum, {0.36852044f, -0.04163595f, 0.73064989f, -0.00028854f}},
      {OptimizerKind::nesterov, {0.32631558f, 0.04149041f, 0.70853907f, -0.00070325f}},
      {OptimizerKind::adam, {0.25390795f, -0.05416815f, 0.55320275f, -0.24449381f}},
      {OptimizerKind::adamw, {0.25329274f, -0.05379225f, 0.55254352f, -0.24445951f}}};
  test::with_every_instruction_set([&] {
    ThreadTeam team(2);
    for (const auto& [kind, expected] : recorded) {
      Optimizer optimizer({.kind = kind, .weight_decay = 0.01, .clip_norm = 0.6});
      Tensor t("w", {2, 2});
      t.value = {0.5f, -0.3f, 0.8f, 1e-3f};
      for (int step = 1; step <= 5; ++step) {
        const float g = 0.1f * static_cast<float>(step);
        t.grad = {g, -2 * g, 0.5f * g, 0.01f * g};
        optimizer.step(std::array{&t}, 0.05f, team);
      }
      INFO(static_cast<int>(kind));
      for (std::size_t i = 0; i < 4; ++i) CHECK(std::abs(t.value[i] - expected[i]) < 1e-6f);
    }
  });
}

TEST_CASE("adamw decays weights, not biases and norms; the others decay all") {
  ThreadTeam team(1);
  for (const OptimizerKind kind : {OptimizerKind::sgd, OptimizerKind::adam, OptimizerKind::adamw}) {
    Optimizer optimizer({.kind = kind, .weight_decay = 0.5});
    Tensor weight("weight", {1, 2}), bias("bias", {2});
    weight.value = bias.value = {1.0f, -2.0f};
    weight.grad = bias.grad = {0.0f, 0.0f};
    optimizer.step(std::array{&weight, &bias}, 0.1f, team);
    INFO(static_cast<int>(kind));
    CHECK(weight.value[1] > -2.0f);
    CHECK((bias.value[1] == -2.0f) == (kind == OptimizerKind::adamw));
  }
}

TEST_CASE("plain SGD is what a network may fuse") {
  CHECK(Optimizer({}).is_plain_sgd());
  CHECK(!Optimizer({.weight_decay = 0.1}).is_plain_sgd());
  CHECK(!Optimizer({.clip_norm = 1}).is_plain_sgd());
  CHECK(!Optimizer({.kind = OptimizerKind::adam}).is_plain_sgd());
}

TEST_CASE("an optimizer's step has the same bits for any number of threads") {
  Floats first;
  for (const std::size_t threads : {1u, 2u, 3u}) {
    SimpleRng rng(3);
    ThreadTeam team(threads);
    Optimizer optimizer({.kind = OptimizerKind::adam, .clip_norm = 0.5});
    Tensor a("a", {100, 501}), b("b", {7});
    for (Tensor* t : {&a, &b}) {
      t->value = test::random_floats(t->value.size(), 1, rng);
      t->grad = test::random_floats(t->value.size(), 1, rng);
    }
    for (int step = 0; step < 3; ++step) optimizer.step(std::array{&a, &b}, 0.01f, team);
    if (threads == 1) first = a.value;
    CHECK(a.value == first);
  }
}

TEST_CASE("schedules: known rates") {
  const auto rate = [](Schedule kind, double epoch, double warmup = 0) {
    ScheduleOptions s;
    s.kind = kind;
    s.warmup_epochs = warmup;
    s.final_fraction = 0.1;
    return learning_rate_at(s, 2.0, epoch, 10);
  };
  CHECK(rate(Schedule::constant, 7.3) == 2.0);
  CHECK(rate(Schedule::step, 2.99) == 2.0);
  CHECK(rate(Schedule::step, 3) == 1.0);
  CHECK(rate(Schedule::step, 9.5) == 0.25);
  CHECK(rate(Schedule::exponential, 2) == Approx(0.5));
  CHECK(rate(Schedule::cosine, 0) == Approx(2.0));
  CHECK(rate(Schedule::cosine, 5) == Approx(1.1));
  CHECK(rate(Schedule::cosine, 10) == Approx(0.2));
  CHECK(rate(Schedule::one_cycle, 0) == Approx(0.08));
  CHECK(rate(Schedule::one_cycle, 3) == Approx(2.0));
  CHECK(rate(Schedule::one_cycle, 10) == Approx(0.2));
  CHECK(rate(Schedule::cosine, 1, 2) == Approx(1.0));  // half-way up
  CHECK(rate(Schedule::cosine, 6, 2) == Approx(1.1));  // half-way down
}
