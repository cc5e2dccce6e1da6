// How good predictions are: accuracy and its uncertainty, by class, and whether their confidence can be
// believed.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "nn/training/evaluate.hpp"

namespace nn {

struct Interval {
  double low = 0, high = 0;
};

// The 95 % score interval of a proportion (Wilson, 1927). `trials` >= 1.
inline Interval wilson_interval(std::size_t successes, std::size_t trials) {
  assert(trials >= 1 && successes <= trials);
  constexpr double z = 1.959963984540054, z2 = z * z;
  const double n = static_cast<double>(trials), p = static_cast<double>(successes) / n;
  const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double reach = z / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {std::max(0.0, middle - reach), std::min(1.0, middle + reach)};
}

// Expected calibration error with 15 bins of equal width (Guo et al., 2017): by how much the confidence of
// predictions differs from the share of them that is right, 0 .. 1.
inline double calibration_error(std::span<const Prediction> predictions) {
  constexpr int bins = 15;
  std::array<double, bins> excess{};  // confidence minus correctness, summed
  for (const Prediction& a : predictions) {
    const double confidence = static_cast<double>(a.confidence), upper = std::ceil(confidence * bins);
    const auto bin = static_cast<std::size_t>(std::clamp(upper, 1.0, double{bins})) - 1;  // first: (0, 1/15]
    excess[bin] += confidence - (a.predicted == a.label ? 1 : 0);
  }
  double sum = 0;
  for (const double e : excess) sum += std::abs(e);
  return sum / static_cast<double>(predictions.size());
}

// How often a true class (row) was taken for a class (column).
class Confusion {
 public:
  Confusion(std::span<const Prediction> predictions, std::size_t classes) : classes_(classes) {
    counts_.resize(classes * classes);
    for (const Prediction& a : predictions) ++counts_[a.label * classes + a.predicted];
  }

  std::size_t classes() const { return classes_; }
  std::size_t count(std::size_t label, std::size_t predicted) const {
    return counts_[label * classes_ + predicted];
  }
  std::size_t correct() const {
    std::size_t sum = 0;
    for (std::size_t c = 0; c < classes_; ++c) sum += count(c, c);
    return sum;
  }
  std::size_t images(std::size_t c) const {  // of class c
    std::size_t sum = 0;
    for (std::size_t other = 0; other < classes_; ++other) sum += count(c, other);
    return sum;
  }
  std::size_t predicted(std::size_t c) const {  // taken for class c
    std::size_t sum = 0;
    for (std::size_t other = 0; other < classes_; ++other) sum += count(other, c);
    return sum;
  }

  // Shares, 0 .. 1; NaN where there is nothing to take a share of.
  double precision(std::size_t c) const {
    return share(count(c, c), predicted(c));
  }                                                                             // of what is taken for c
  double recall(std::size_t c) const { return share(count(c, c), images(c)); }  // of what is c
  double f1(std::size_t c) const { return share(2 * count(c, c), images(c) + predicted(c)); }

 private:
  static double share(std::size_t part, std::size_t all) {
    if (all == 0) return std::numeric_limits<double>::quiet_NaN();
    return static_cast<double>(part) / static_cast<double>(all);
  }

  std::size_t classes_;
  std::vector<std::size_t> counts_;  // (classes, classes)
};

// The numbers of the images with the most confident wrong predictions, at most `most`; of equal ones the
// first.
inline std::vector<std::size_t> most_confident_mistakes(std::span<const Prediction> predictions,
                                                        std::size_t most) {
  std::vector<std::size_t> mistakes;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    if (predictions[i].predicted != predictions[i].label) mistakes.push_back(i);
  }
  std::ranges::stable_sort(mistakes, std::ranges::greater(),
                           [&](std::size_t i) { return predictions[i].confidence; });
  mistakes.resize(std::min(most, mistakes.size()));
  return mistakes;
}

// Of the true classes.
inline double mean_loss(std::span<const Prediction> predictions) {
  double sum = 0;
  for (const Prediction& a : predictions) sum += a.loss;
  return sum / static_cast<double>(predictions.size());
}

}  // namespace nn
