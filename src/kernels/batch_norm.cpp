// The kernels of nn/fusions/batch_norm_relu.hpp. Lanes are channels.
//
// Compiled for every instruction set that can be met; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/batch_norm.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <algorithm>
#include <cassert>

#include "kernels/vectors.hpp"
#include "nn/fusions/batch_norm_relu.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

HWY_ATTR void Moments(ConstMatrix x, float* mean, float* squares) {
  for_vectors(x.cols, [&](auto d, std::size_t c) HWY_ATTR {
    auto sum = hn::Zero(d), square = hn::Zero(d);
    for (std::size_t r = 0; r < x.rows; ++r) sum = hn::Add(sum, hn::LoadU(d, x.data + r * x.stride + c));
    const auto center = hn::Mul(sum, hn::Set(d, 1.0f / static_cast<float>(x.rows)));
    for (std::size_t r = 0; r < x.rows; ++r) {
      const auto distance = hn::Sub(hn::LoadU(d, x.data + r * x.stride + c), center);
      square = hn::MulAdd(distance, distance, square);
    }
    hn::StoreU(center, d, mean + c);
    hn::StoreU(square, d, squares + c);
  });
}

HWY_ATTR void Normalize(ConstMatrix x, const ChannelNorm& norm, bool relu, Matrix y) {
  for (std::size_t r = 0; r < x.rows; ++r) {
    const float* in = x.data + r * x.stride;
    float* out = y.data + r * y.stride;
    for_vectors(x.cols, [&](auto d, std::size_t c) HWY_ATTR {
      const auto n =
          hn::Mul(hn::Sub(hn::LoadU(d, in + c), hn::LoadU(d, norm.mean + c)), hn::LoadU(d, norm.scale + c));
      const auto v = hn::MulAdd(n, hn::LoadU(d, norm.w + c), hn::LoadU(d, norm.b + c));
      // A NaN stays one: no comparison with it is true.
      hn::StoreU(relu ? hn::IfThenElse(hn::Lt(v, hn::Zero(d)), hn::Zero(d), v) : v, d, out + c);
    });
  }
}

// dy where y > 0, else 0; dy itself where there is no y.
template <class D>
HWY_ATTR HWY_INLINE hn::Vec<D> PassedGradient(D d, const float* y, const float* dy) {
  const auto g = hn::LoadU(d, dy);
  return y == nullptr ? g : hn::IfThenElseZero(hn::Gt(hn::LoadU(d, y), hn::Zero(d)), g);
}

HWY_ATTR void BackwardSums(ConstMatrix x, const float* y, ConstMatrix dy, const ChannelNorm& norm, float* dw,
                           float* db) {
  for_vectors(x.cols, [&](auto d, std::size_t c) HWY_ATTR {
    const auto mean = hn::LoadU(d, norm.mean + c);
    auto products = hn::Zero(d), sum = hn::Zero(d);
    for (std::size_t r = 0; r < x.rows; ++r) {
      const std::size_t at = r * x.cols + c;
      const auto g = PassedGradient(d, y == nullptr ? y : y + at, dy.data + at);
      products = hn::MulAdd(g, hn::Sub(hn::LoadU(d, x.data + at), mean), products);
      sum = hn::Add(sum, g);
    }
    hn::StoreU(hn::Mul(products, hn::LoadU(d, norm.scale + c)), d, dw + c);
    hn::StoreU(sum, d, db + c);
  });
}

HWY_ATTR void Backward(ConstMatrix x, const float* y, ConstMatrix dy, const ChannelNorm& norm,
                       const float* dw, const float* db, float share, Matrix dx) {
  for (std::size_t r = 0; r < x.rows; ++r) {
    for_vectors(x.cols, [&](auto d, std::size_t c) HWY_ATTR {
      const std::size_t at = r * x.cols + c;
      const auto scale = hn::LoadU(d, norm.scale + c);
      const auto n = hn::Mul(hn::Sub(hn::LoadU(d, x.data + at), hn::LoadU(d, norm.mean + c)), scale);
      const auto g = PassedGradient(d, y == nullptr ? y : y + at, dy.data + at);
      const auto mean = hn::MulAdd(n, hn::LoadU(d, dw + c), hn::LoadU(d, db + c));
      const auto centered = hn::NegMulAdd(hn::Set(d, share), mean, g);
      hn::StoreU(hn::Mul(hn::Mul(scale, hn::LoadU(d, norm.w + c)), centered), d, dx.data + at);
    });
  }
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(Moments);
HWY_EXPORT(Normalize);
HWY_EXPORT(BackwardSums);
HWY_EXPORT(Backward);

void channel_moments(ConstMatrix x, float* mean, float* squares) {
  HWY_DYNAMIC_DISPATCH(Moments)(x, mean, squares);
}

void channel_norm(ConstMatrix x, const ChannelNorm& norm, bool relu, Matrix y) {
  assert(x.rows == y.rows && x.cols == y.cols);
  HWY_DYNAMIC_DISPATCH(Normalize)(x, norm, relu, y);
}

void channel_norm_backward_sums(ConstMatrix x, const float* y, ConstMatrix dy, const ChannelNorm& norm,
                                float* dw, float* db) {
  HWY_DYNAMIC_DISPATCH(BackwardSums)(x, y, dy, norm, dw, db);
}

void channel_norm_backward(ConstMatrix x, const float* y, ConstMatrix dy, const ChannelNorm& norm,
                           const float* dw, const float* db, float share, Matrix dx) {
  HWY_DYNAMIC_DISPATCH(Backward)(x, y, dy, norm, dw, db, share, dx);
}

}  // namespace nn
#endif
