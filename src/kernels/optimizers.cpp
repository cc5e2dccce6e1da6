// The kernel of nn/training/optimizer.hpp: one pass over weights, gradient and moments.
//
// Adam's square root and division are a processor's quick guesses, improved by Newton's method to all but the
// last bit: an epoch of mnist_mlp with Adam takes 0.28 s, not 0.31. What is left is the L3 cache's: w, g, m
// and v are 6.5 MB.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizers.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <cassert>

#include "kernels/vectors.hpp"
#include "nn/training/optimizer.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Newton steps from a guess to a float's 24 bits: Arm's guesses have 8, the others 12 and more.
constexpr int kNewtonSteps = HWY_ARCH_ARM ? 2 : 1;

template <class D, class V>
HWY_ATTR HWY_INLINE V Reciprocal(D d, V x) {
  V r = hn::ApproximateReciprocal(x);
  for (int i = 0; i < kNewtonSteps; ++i) r = hn::Mul(r, hn::NegMulAdd(x, r, hn::Set(d, 2.0f)));
  return r;
}

// 1 / sqrt(x) times x; a tiny number for 0.
template <class D, class V>
HWY_ATTR HWY_INLINE V SquareRoot(D d, V x) {
  x = hn::Max(x, hn::Set(d, 1e-37f));
  V r = hn::ApproximateReciprocalSqrt(x);
  for (int i = 0; i < kNewtonSteps; ++i) {
    const auto half = hn::Mul(hn::Mul(hn::Set(d, 0.5f), x), r);
    r = hn::Mul(r, hn::NegMulAdd(half, r, hn::Set(d, 1.5f)));
  }
  return hn::Mul(x, r);
}

// One vector of elements at w, g, m (first moment) and v (second moment). The rule is a template argument:
// inside it nothing branches.
template <OptimizerKind kKind, class D>
HWY_ATTR HWY_INLINE void UpdateVector(D d, const OptimizerStep& s, float* w, const float* g_at, float* m_at,
                                      float* v_at) {
  const auto weight = hn::LoadU(d, w);
  const auto g =
      hn::MulAdd(hn::Set(d, s.decay), weight, hn::Mul(hn::Set(d, s.gradient_scale), hn::LoadU(d, g_at)));
  if constexpr (kKind == OptimizerKind::sgd) {
    hn::StoreU(hn::NegMulAdd(hn::Set(d, s.rate), g, weight), d, w);
  } else if constexpr (kKind == OptimizerKind::momentum || kKind == OptimizerKind::nesterov) {
    const auto mu = hn::Set(d, s.momentum);
    const auto m = hn::MulAdd(mu, hn::LoadU(d, m_at), g);
    const auto direction = kKind == OptimizerKind::momentum ? m : hn::MulAdd(mu, m, g);
    hn::StoreU(m, d, m_at);
    hn::StoreU(hn::NegMulAdd(hn::Set(d, s.rate), direction, weight), d, w);
  } else {
    const auto m =
        hn::MulAdd(hn::Set(d, s.beta1), hn::LoadU(d, m_at), hn::Mul(hn::Set(d, s.one_minus_beta1), g));
    const auto v = hn::MulAdd(hn::Set(d, s.beta2), hn::LoadU(d, v_at),
                              hn::Mul(hn::Mul(hn::Set(d, s.one_minus_beta2), g), g));
    const auto scale = hn::MulAdd(SquareRoot(d, v), hn::Set(d, s.moment2_correction), hn::Set(d, s.epsilon));
    const auto change = hn::Mul(hn::Mul(hn::Set(d, s.rate * s.moment1_correction), m), Reciprocal(d, scale));
    hn::StoreU(m, d, m_at);
    hn::StoreU(v, d, v_at);
    hn::StoreU(hn::Sub(hn::Mul(hn::Set(d, s.shrink), weight), change), d, w);
  }
}

template <OptimizerKind kKind>
HWY_ATTR void UpdateAll(const OptimizerStep& s, float* w, const float* g, float* m, float* v, std::size_t n) {
  for_vectors(n,
              [&](auto d, std::size_t i) HWY_ATTR { UpdateVector<kKind>(d, s, w + i, g + i, m + i, v + i); });
}

HWY_ATTR void Update(const OptimizerStep& s, float* w, const float* g, float* m, float* v, std::size_t n) {
  switch (s.kind) {
    case OptimizerKind::sgd:
      return UpdateAll<OptimizerKind::sgd>(s, w, g, m, v, n);
    case OptimizerKind::momentum:
      return UpdateAll<OptimizerKind::momentum>(s, w, g, m, v, n);
    case OptimizerKind::nesterov:
      return UpdateAll<OptimizerKind::nesterov>(s, w, g, m, v, n);
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      return UpdateAll<OptimizerKind::adam>(s, w, g, m, v, n);
  }
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(Update);

void optimizer_update(const OptimizerStep& step, Tensor& t, std::size_t begin, std::size_t end) {
  assert(begin <= end && end <= t.value.size());
  // A moment that there is none of is not looked at: any address will do.
  const auto at = [&](Floats& values) { return (values.empty() ? t.value : values).data() + begin; };
  HWY_DYNAMIC_DISPATCH(Update)(step, at(t.value), at(t.grad), at(t.moment1), at(t.moment2), end - begin);
}

}  // namespace nn
#endif
