#include "nn/layers/softmax_cross_entropy.hpp"

#include <array>
#include <cmath>
#include <vector>

#include "catch.hpp"

using namespace nn;

TEST_CASE("softmax cross-entropy: known values") {
  const std::array<float, 6> logits{1, 2, 3, 0, 0, 0};
  const std::array<std::uint8_t, 2> labels{2, 0};
  std::array<float, 6> dlogits{};
  const double loss = softmax_cross_entropy(logits, labels, dlogits);
  CHECK(loss == Approx(0.40760596 + std::log(3.0)).epsilon(1e-6));  // a sum, not a mean
  CHECK(dlogits[0] == Approx(0.09003057 / 2).epsilon(1e-5));
  CHECK(dlogits[2] == Approx((0.66524096 - 1) / 2).epsilon(1e-5));
  CHECK(dlogits[3] == Approx((1.0 / 3 - 1) / 2).epsilon(1e-5));
}

TEST_CASE("softmax cross-entropy: large logits do not overflow, NaN stays visible") {
  std::array<float, 3> dlogits{};
  const std::array<std::uint8_t, 1> label{1};
  CHECK(softmax_cross_entropy(std::array<float, 3>{1000, 0, -1000}, label, dlogits) == Approx(1000.0));
  CHECK(std::isnan(softmax_cross_entropy(std::array<float, 3>{NAN, 0, 1}, label, dlogits)));
}

TEST_CASE("softmax cross-entropy with label smoothing agrees with PyTorch 2.15, and with its own slopes") {
  // torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1, reduction="sum")
  std::array<float, 6> logits{1, 2, 3, 0.5f, -1, 0}, dlogits{};
  const std::array<std::uint8_t, 2> labels{2, 0};
  CHECK(softmax_cross_entropy(logits, labels, dlogits, 0.1) == Approx(1.1784032364).epsilon(1e-6));
  std::array<float, 6> unused{};
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const float at = logits[i], step = 1e-2f;
    logits[i] = at + step;
    const double above = softmax_cross_entropy(logits, labels, unused, 0.1);
    logits[i] = at - step;
    const double below = softmax_cross_entropy(logits, labels, unused, 0.1);
    logits[i] = at;
    CHECK(dlogits[i] == Approx((above - below) / (2 * 0.02)).margin(1e-4));  // of the mean of two losses
  }
}

TEST_CASE("argmax takes the first of equal values") {
  CHECK(argmax(std::array<float, 4>{1, 5, 5, 2}) == 1);
  CHECK(argmax(std::array<float, 1>{-1}) == 0);
}
