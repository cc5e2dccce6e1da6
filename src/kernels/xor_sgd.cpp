// Training of nn/xor_net.hpp: four million steps that each wait for the one before.
//
// So what counts is the number of cycles from one step to the next. Written down plainly, exp() and division
// take most of them. But from one visit of a sample to the next, four steps later, its sigmoids hardly move:
// Taylor's series carries the old values on to the new ones, to within 1e-14, in 12 cycles for all
// hidden units at once. Only where an argument has moved too far (large rates) is the sigmoid computed again.
//
// And a step is one number: whatever changes, changes by this number times something known before. All of
// that is ready when it arrives, above all what the next sample sees so far, and how far a step moves it.
//
// Measured on a Zen 4 core: 55 cycles a step, 0.060 s for a million epochs; the plain loop 200, 0.222 s.
// No gain: moving each sample's arguments instead of the weights (as fast); z as a polynomial of the step
// (3 % faster with AVX, 1.5 times slower with SSE); vectors of two where four fit (2 % faster).
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/xor_sgd.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <algorithm>
#include <cassert>
#include <type_traits>
#include <utility>
#include <vector>

#include "nn/core/memory.hpp"
#include "nn/fusions/xor_sgd.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kUnitBlock = 4;  // hidden units come in fours: one vector, or two or four smaller ones
using Tag = hn::CappedTag<double, kUnitBlock>;
using Vec = hn::Vec<Tag>;

HWY_ATTR HWY_INLINE Vec All(double value) {
  return hn::Set(Tag(), value);
}

// The parameters, and the sigmoids of each sample as they were when it was last visited. U units, of which
// the first H are the network's; the others' bias keeps their h at 0, and so they change nothing.
struct State {
  std::vector<double, ArrayAllocator<double>> rows;
  double *w1_0, *w1_1, *b1, *w2;  // (U) each: w1's row of x0 and of x1, ...
  double *a, *h;                  // (4, U)    h = sigmoid(a)
  double z[4], o[4];              // (4)       o = sigmoid(z)

  State(const State&) = delete;  // the pointers are into its own rows
  State(const XorNet& net, const XorSamples& samples, std::size_t units) : rows(12 * units) {
    double* row = rows.data();
    for (double** member : {&w1_0, &w1_1, &b1, &w2, &a}) *member = std::exchange(row, row + units);
    h = a + 4 * units;
    std::copy_n(net.w1.data(), net.hidden(), w1_0);
    std::copy_n(net.w1.data() + net.hidden(), net.hidden(), w1_1);
    std::copy_n(net.b1.data(), net.hidden(), b1);
    std::fill(b1 + net.hidden(), b1 + units, -1e4);
    std::copy_n(net.w2.data(), net.hidden(), w2);
    for (std::size_t s = 0; s < samples.size(); ++s) {
      z[s] = net.b2;
      for (std::size_t j = 0; j < units; ++j) {
        double &a_j = a[s * units + j], &h_j = h[s * units + j];
        a_j = b1[j] + samples[s].x0 * w1_0[j] + samples[s].x1 * w1_1[j];
        h_j = sigmoid(a_j);
        z[s] += w2[j] * h_j;
      }
      o[s] = sigmoid(z[s]);
    }
  }

  void copy_parameters_to(XorNet& net) const {
    std::copy_n(w1_0, net.hidden(), net.w1.data());
    std::copy_n(w1_1, net.hidden(), net.w1.data() + net.hidden());
    std::copy_n(b1, net.hidden(), net.b1.data());
    std::copy_n(w2, net.hidden(), net.w2.data());
  }
};

// The way out when an argument has moved too far: one lane at a time.
HWY_ATTR HWY_NOINLINE void SigmoidOfLanes(double* lanes) {
  for (std::size_t i = 0; i < hn::Lanes(Tag()); ++i) lanes[i] = sigmoid(lanes[i]);
}

// sigmoid(a + t) from s = sigmoid(a). With u = s (1 - s), its slope, and m = 1 - 2 s it is
//   s + u t + u m t^2 / 2 + u (1 - 6 u) t^3 / 6 + u m (1 - 12 u) t^4 / 24 + u (1 - 30 u + 120 u^2) t^5 / 120
// and the first term left out is below 1e-14 for |t| < 1/64. Only t comes late: the chains from t are short.
HWY_ATTR HWY_INLINE Vec MovedSigmoid(Vec s, Vec a, Vec t) {
  if (HWY_UNLIKELY(!hn::AllTrue(Tag(), hn::Lt(hn::Abs(t), All(1.0 / 64))))) {
    alignas(32) double lanes[kUnitBlock];
    hn::Store(a + t, Tag(), lanes);
    SigmoidOfLanes(lanes);
    return hn::Load(Tag(), lanes);
  }
  const Vec u = s * (All(1) - s), m = hn::NegMulAdd(All(2), s, All(1));
  const Vec c2 = u * m * All(1.0 / 2);
  const Vec c3 = u * (All(1.0 / 6) - u);
  const Vec c4 = u * m * hn::NegMulAdd(All(1.0 / 2), u, All(1.0 / 24));
  const Vec c5 = u * hn::MulAdd(u, u - All(1.0 / 4), All(1.0 / 120));
  const Vec t2 = t * t;
  const Vec low = hn::MulAdd(t, hn::MulAdd(t, c2, u), s);
  const Vec high = hn::MulAdd(t2, c5, hn::MulAdd(t, c4, c3));
  return hn::MulAdd(t2 * t, high, low);
}

// `units` is a constant, so that the loops over them vanish, or any multiple of kUnitBlock.
template <class Units>
HWY_ATTR double TrainUnits(XorNet& net, const XorSamples& samples, std::size_t epochs, double rate,
                           Units units) {
  const Tag d;
  const std::size_t lanes = hn::Lanes(d);
  const double share = 1.0 / static_cast<double>(lanes);  // of one lane, in a sum over the lanes
  State state(net, samples, units);

  // Each lane holds the same number.
  Vec b2 = All(net.b2), o = All(state.o[0]), loss = hn::Zero(d);
  for (std::size_t epoch = 0; epoch < epochs; ++epoch) {
    loss = hn::Zero(d);
    for (std::size_t s = 0; s < samples.size(); ++s) {
      // forward: loss = (y - o)^2 / 2, o = sigmoid(z)      backward: step = -rate dz = rate (y - o) (o - o^2)
      const XorSample& x = samples[s];
      const Vec error = All(x.y) - o;
      const Vec step = hn::NegMulAdd(All(rate), o, All(rate * x.y)) * hn::NegMulAdd(o, o, o);
      loss = hn::MulAdd(error, error, loss);

      const std::size_t n = (s + 1) % samples.size();
      const XorSample& next = samples[n];
      const Vec overlap = All(1 + x.x0 * next.x0 + x.x1 * next.x1);  // next a moves by step_a times this
      const Vec next_z = All(state.z[n]);
      Vec moved = ((b2 - next_z) + step) * All(share);  // of next's z: b2 + h . w2 - next_z
      for (std::size_t j = 0; j < units; j += lanes) {
        double *const next_a = state.a + n * units + j, *const next_h = state.h + n * units + j;
        const Vec w1_0 = hn::Load(d, state.w1_0 + j), w1_1 = hn::Load(d, state.w1_1 + j);
        const Vec b1 = hn::Load(d, state.b1 + j), w2 = hn::Load(d, state.w2 + j);
        const Vec h = hn::Load(d, state.h + s * units + j);

        // backward: dh = w2 dz, da = dh h (1 - h), dw1 = x da, db1 = da, dw2 = h dz, and -rate times these.
        const Vec slope = w2 * (h * (All(1) - h));
        const Vec step_a = step * slope;
        const Vec stepped_w2 = hn::MulAdd(step, h, w2);
        hn::Store(hn::MulAdd(All(x.x0), step_a, w1_0), d, state.w1_0 + j);
        hn::Store(hn::MulAdd(All(x.x1), step_a, w1_1), d, state.w1_1 + j);
        hn::Store(b1 + step_a, d, state.b1 + j);
        hn::Store(stepped_w2, d, state.w2 + j);

        // forward for the next sample: a from the parameters before the step, and how the step moves it.
        const Vec a = hn::MulAdd(All(next.x0), w1_0, hn::MulAdd(All(next.x1), w1_1, b1));
        const Vec old_a = hn::Load(d, next_a);
        const Vec moved_a = hn::MulAdd(step, slope * overlap, a - old_a);
        const Vec moved_h = MovedSigmoid(hn::Load(d, next_h), old_a, moved_a);
        hn::Store(old_a + moved_a, d, next_a);
        hn::Store(moved_h, d, next_h);
        moved = hn::MulAdd(stepped_w2, moved_h, moved);
      }
      b2 = b2 + step;
      moved = hn::SumOfLanes(d, moved);
      o = MovedSigmoid(All(state.o[n]), next_z, moved);
      state.z[n] = hn::GetLane(next_z + moved);
      state.o[n] = hn::GetLane(o);
    }
  }
  state.copy_parameters_to(net);
  net.b2 = hn::GetLane(b2);
  return hn::GetLane(loss) / static_cast<double>(samples.size());
}

HWY_ATTR double Train(XorNet& net, const XorSamples& samples, std::size_t epochs, double rate) {
  if (net.hidden() <= kUnitBlock) {
    return TrainUnits(net, samples, epochs, rate, std::integral_constant<std::size_t, kUnitBlock>());
  }
  return TrainUnits(net, samples, epochs, rate, (net.hidden() + kUnitBlock - 1) / kUnitBlock * kUnitBlock);
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(Train);

double train_fused(XorNet& net, const XorSamples& samples, std::size_t epochs, double rate) {
  assert(net.hidden() >= 1 && epochs >= 1);
  return HWY_DYNAMIC_DISPATCH(Train)(net, samples, epochs, rate);
}

}  // namespace nn
#endif
