// How the learning rate changes over a run.
#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace nn {

enum class Schedule { constant, step, exponential, cosine, one_cycle };

struct ScheduleOptions {
  Schedule kind = Schedule::constant;
  double warmup_epochs = 0;          // the rate first rises from 0 to its start, linearly
  double step_epochs = 3;            // step: epochs between two drops
  double gamma = 0.5;                // step: factor of each drop; exponential: factor of each epoch
  double final_fraction = 0;         // cosine, one-cycle: the last rate over the highest one
  double rise_fraction = 0.3;        // one-cycle: share of the run in which the rate rises
  double start_fraction = 1.0 / 25;  // one-cycle: the first rate over the highest one
};

// The learning rate at a point of the run, in epochs since its start (0 <= epoch <= epochs); `rate` is the
// highest one. A pure function: a resumed run needs to know no more than where it stands.
//   cosine     Loshchilov & Hutter, "SGDR", 2017, one period
//   one-cycle  Smith & Topin, "Super-Convergence", 2019, both arms cosines
inline double learning_rate_at(const ScheduleOptions& s, double rate, double epoch, double epochs) {
  assert(epoch >= 0 && epochs > 0);
  if (epoch < s.warmup_epochs) return rate * epoch / s.warmup_epochs;
  const double run = std::max(epochs - s.warmup_epochs, 1e-9);
  const double done = std::min((epoch - s.warmup_epochs) / run, 1.0);  // 0 .. 1, after the warm-up
  const auto cosine = [](double from, double to, double x) {
    return to + (from - to) * 0.5 * (1.0 + std::cos(std::numbers::pi * x));
  };
  switch (s.kind) {
    case Schedule::constant:
      return rate;
    case Schedule::step:
      return rate * std::pow(s.gamma, std::floor((epoch - s.warmup_epochs) / s.step_epochs + 1e-9));
    case Schedule::exponential:
      return rate * std::pow(s.gamma, epoch - s.warmup_epochs);
    case Schedule::cosine:
      return cosine(rate, rate * s.final_fraction, done);
    case Schedule::one_cycle:
      if (done < s.rise_fraction) return cosine(rate * s.start_fraction, rate, done / s.rise_fraction);
      return cosine(rate, rate * s.final_fraction, (done - s.rise_fraction) / (1.0 - s.rise_fraction));
  }
  return rate;
}

}  // namespace nn
