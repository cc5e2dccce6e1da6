#include "nn/training/scores.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "catch.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/batches.hpp"
#include "nn/network.hpp"
#include "nn/training/evaluate.hpp"

using namespace nn;

namespace {

// Of three classes; class 2 is never predicted.
const std::vector<Prediction> kPredictions{
    {.label = 0, .predicted = 0, .confidence = 0.95f, .loss = 0.05f},
    {.label = 0, .predicted = 1, .confidence = 0.50f, .loss = 0.75f},
    {.label = 1, .predicted = 1, .confidence = 0.97f, .loss = 0.03f},
    {.label = 1, .predicted = 0, .confidence = 0.90f, .loss = 2.50f},
    {.label = 2, .predicted = 0, .confidence = 0.90f, .loss = 4.00f},
    {.label = 1, .predicted = 1, .confidence = 0.40f, .loss = 0.92f},
};

}  // namespace

TEST_CASE("Wilson's interval is as tabulated") {
  // Newcombe, 1998, table I, method 3.
  const auto is = [](Interval i, double low, double high) {
    return std::abs(i.low - low) < 5e-5 && std::abs(i.high - high) < 5e-5;
  };
  CHECK(is(wilson_interval(81, 263), 0.2553, 0.3662));
  CHECK(is(wilson_interval(15, 148), 0.0624, 0.1605));
  CHECK(is(wilson_interval(0, 20), 0.0000, 0.1611));
  CHECK(is(wilson_interval(1, 29), 0.0061, 0.1718));
  CHECK(wilson_interval(20, 20).high == 1.0);
}

TEST_CASE("confusion: rows are true classes, columns predicted ones") {
  const Confusion confusion(kPredictions, 3);
  CHECK((confusion.count(0, 0) == 1 && confusion.count(0, 1) == 1 && confusion.count(0, 2) == 0));
  CHECK((confusion.count(1, 0) == 1 && confusion.count(1, 1) == 2 && confusion.count(2, 0) == 1));
  CHECK((confusion.correct() == 3 && confusion.images(1) == 3 && confusion.predicted(0) == 3));
  CHECK(confusion.precision(0) == Approx(1.0 / 3));
  CHECK(confusion.recall(0) == Approx(1.0 / 2));
  CHECK(confusion.f1(0) == Approx(2.0 / 5));
  CHECK(std::isnan(confusion.precision(2)));
  CHECK((confusion.recall(2) == 0 && confusion.f1(2) == 0));
}

TEST_CASE("calibration error: the distance of confidence and accuracy, weighted by bin") {
  // Bins by hand: (5/15, 6/15] has 0.40, right; (7/15, 8/15] 0.50, wrong; (13/15, 14/15] 0.90 twice, wrong;
  // (14/15, 1] 0.95 and 0.97, right.
  CHECK(calibration_error(kPredictions) == Approx((0.6 + 0.5 + 1.8 + 0.08) / 6).epsilon(1e-6));
  // The upper edge of a bin belongs to it: 1/15 is in the first, together with less.
  const std::vector<Prediction> edge{{.label = 0, .predicted = 0, .confidence = 0.0666f, .loss = 0},
                                     {.label = 1, .predicted = 0, .confidence = 0.9999f, .loss = 0},
                                     {.label = 0, .predicted = 0, .confidence = 1.0f, .loss = 0}};
  CHECK(calibration_error(edge) == Approx((0.9334 + 0.9999) / 3).epsilon(1e-6));
}

TEST_CASE("the most confident mistakes come first, of equal ones the first image") {
  CHECK(most_confident_mistakes(kPredictions, 10) == std::vector<std::size_t>{3, 4, 1});
  CHECK(most_confident_mistakes(kPredictions, 2) == std::vector<std::size_t>{3, 4});
  CHECK(most_confident_mistakes(kPredictions, 0).empty());
}

TEST_CASE("an ensemble says the mean of its networks' probabilities") {
  static const Dataset data = load_idx_dataset(NN_SOURCE_DIR "/data", "t10k", {.test_limit = 70});
  SimpleRng rng(4);
  ThreadTeam team(1);
  std::vector<Network> networks;
  for (int i = 0; i < 3; ++i) networks.push_back(Network::input(784).dense(16).relu().dense(10).build(rng));
  const std::vector<Prediction> found = predictions(networks, data, team);
  const std::vector<std::uint32_t> order = all_images(data);
  Batches batches(data, order, 70);
  const Batch batch = batches.batch(0, team);
  std::vector<float> mean(70 * 10);
  for (Network& network : networks) {
    const std::vector<float> log_p = log_probabilities({&network, 1}, batch, team);
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += std::exp(log_p[i]) / 3;
  }
  for (std::size_t i = 0; i < 70; ++i) {
    const auto p = std::span(mean).subspan(10 * i, 10);
    CHECK(found[i].predicted == static_cast<std::size_t>(std::ranges::max_element(p) - p.begin()));
    CHECK(found[i].confidence == Approx(std::ranges::max(p)).epsilon(1e-5));
    CHECK(std::exp(-found[i].loss) == Approx(p[data.label(i)]).epsilon(1e-5));
  }
  // Weights so large that all but one class of each network have a probability of 0.
  for (Network& network : networks) {
    for (Tensor* t : network.tensors()) {
      for (float& v : t->value) v *= 1000;
    }
  }
  for (const Prediction& p : predictions(networks, data, team)) CHECK(std::isfinite(p.loss));
}

TEST_CASE("predictions are as evaluate() counts them") {
  static const Dataset data = load_idx_dataset(NN_SOURCE_DIR "/data", "t10k", {.test_limit = 150});
  SimpleRng rng(3);
  Network model = Network::input(784).dense(20).relu().dense(10).build(rng);
  ThreadTeam team(2);
  const Evaluation expected = evaluate(model, data, team);
  const std::vector<Prediction> found = predictions({&model, 1}, data, team);
  REQUIRE(found.size() == 150);
  CHECK(Confusion(found, 10).correct() == expected.correct);
  CHECK(mean_loss(found) == Approx(expected.loss).epsilon(1e-9));
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].label == data.label(i));
    if (found[i].predicted == found[i].label) {
      CHECK(std::exp(-found[i].loss) == Approx(found[i].confidence).epsilon(1e-5));
    }
  }
}
