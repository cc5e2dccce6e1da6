// The kernels of nn/layers/activation.hpp: the activations that need exp().
//
// Compiled for every instruction set that can be met; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activation.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "kernels/vectors.hpp"
#include "nn/layers/activation.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls f(tag, first element of a vector in m, the same in n) for all elements of two matrices of one shape.
template <class M, class F>
HWY_ATTR HWY_INLINE void for_elements(M m, Matrix n, F f) {
  assert(m.rows == n.rows && m.cols == n.cols);
  for (std::size_t r = 0; r < m.rows; ++r) {
    auto* m_row = m.data + r * m.stride;
    float* n_row = n.data + r * n.stride;
    for_vectors(m.cols, [&](auto d, std::size_t c) HWY_ATTR { f(d, m_row + c, n_row + c); });
  }
}

// f(v), and NaN where v is: Highway leaves open what its exp() makes of NaN.
template <class V, class F>
HWY_ATTR HWY_INLINE V pass_nan(V v, F f) {
  const auto is_number = hn::Eq(v, v);
  return hn::IfThenElse(is_number, f(hn::IfThenElseZero(is_number, v)), v);
}

HWY_ATTR void Sigmoid(Matrix x) {
  for_elements(x, x, [](auto d, float* at, float*) HWY_ATTR {
    const auto sigmoid = [d](auto v) HWY_ATTR {
      const auto one = hn::Set(d, 1.0f), limit = hn::Set(d, 88.0f);  // exp(88) is still a float
      return hn::Div(one, hn::Add(one, hn::Exp(d, hn::Min(hn::Neg(v), limit))));
    };
    hn::StoreU(pass_nan(hn::LoadU(d, at), sigmoid), d, at);
  });
}

HWY_ATTR void Tanh(Matrix x) {
  for_elements(x, x, [](auto d, float* at, float*) HWY_ATTR {
    hn::StoreU(pass_nan(hn::LoadU(d, at), [d](auto v) HWY_ATTR { return hn::Tanh(d, v); }), d, at);
  });
}

// Phi(x) and phi(x). Phi is erf as Abramowitz & Stegun have it, 7.1.26, to 1e-7: its one exp() is phi's, too.
template <class V>
struct Normal {
  V distribution, density;
};
template <class D, class V = hn::Vec<D>>
HWY_ATTR HWY_INLINE Normal<V> normal(D d, V x) {
  const auto one = hn::Set(d, 1.0f), half = hn::Set(d, 0.5f);
  const auto e = hn::Exp(d, hn::Mul(hn::Mul(x, x), hn::Set(d, -0.5f)));
  const auto t = hn::Div(one, hn::MulAdd(hn::Abs(x), hn::Set(d, 0.3275911f * 0.70710678f), one));
  auto polynomial = hn::Set(d, 1.061405429f);
  for (const float a : {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f}) {
    polynomial = hn::MulAdd(polynomial, t, hn::Set(d, a));
  }
  const auto tail = hn::Mul(hn::Mul(hn::Mul(polynomial, t), e), half);  // Phi(-|x|)
  return {hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail)),
          hn::Mul(e, hn::Set(d, 0.39894228f))};
}

HWY_ATTR void Gelu(Matrix y) {
  for_elements(y, y, [](auto d, float* at, float*) HWY_ATTR {
    const auto gelu = [d](auto v) HWY_ATTR { return hn::Mul(v, normal(d, v).distribution); };
    hn::StoreU(pass_nan(hn::LoadU(d, at), gelu), d, at);
  });
}

HWY_ATTR void GeluBackward(ConstMatrix x, Matrix dy) {
  for_elements(x, dy, [](auto d, const float* x_at, float* dy_at) HWY_ATTR {
    const auto slope = [d](auto v) HWY_ATTR {
      const auto n = normal(d, v);
      return hn::MulAdd(v, n.density, n.distribution);
    };
    hn::StoreU(hn::Mul(hn::LoadU(d, dy_at), pass_nan(hn::LoadU(d, x_at), slope)), d, dy_at);
  });
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(Sigmoid);
HWY_EXPORT(Tanh);
HWY_EXPORT(Gelu);
HWY_EXPORT(GeluBackward);

void sigmoid_forward(Matrix x) {
  HWY_DYNAMIC_DISPATCH(Sigmoid)(x);
}

void tanh_forward(Matrix x) {
  HWY_DYNAMIC_DISPATCH(Tanh)(x);
}

void gelu_forward(Matrix y) {
  HWY_DYNAMIC_DISPATCH(Gelu)(y);
}

void gelu_backward(ConstMatrix x, Matrix dy) {
  HWY_DYNAMIC_DISPATCH(GeluBackward)(x, dy);
}

}  // namespace nn
#endif
