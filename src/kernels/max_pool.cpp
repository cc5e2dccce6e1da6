// The kernels of nn/fusions/vector_max_pool.hpp. Lanes are channels.
//
// Compiled for every instruction set that can be met; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/max_pool.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include "kernels/vectors.hpp"
#include "nn/fusions/vector_max_pool.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Calls f(tag, place in y, place of the window's first pixel in x) for the vectors of all channels and
// windows.
template <class F>
HWY_ATTR HWY_INLINE void for_windows(const PoolShape& p, F f) {
  const std::size_t C = p.channels;
  std::size_t to = 0;
  for (std::size_t y = 0; y < p.height / p.size; ++y) {
    for (std::size_t x = 0; x < p.width / p.size; ++x, to += C) {
      const std::size_t from = (y * p.width + x) * p.size * C;
      for_vectors(C, [&](auto d, std::size_t c) HWY_ATTR { f(d, to + c, from + c); });
    }
  }
}

HWY_ATTR void Forward(const PoolShape& p, const float* x, float* y) {
  const std::size_t row = p.width * p.channels;
  for_windows(p, [&](auto d, std::size_t to, std::size_t from) HWY_ATTR {
    auto largest = hn::LoadU(d, x + from);
    for (std::size_t i = 0; i < p.size; ++i) {
      for (std::size_t j = 0; j < p.size; ++j) {
        const auto v = hn::LoadU(d, x + from + i * row + j * p.channels);
        largest = hn::IfThenElse(hn::Ge(largest, v), largest, v);  // not Max: a NaN is passed on
      }
    }
    hn::StoreU(largest, d, y + to);
  });
}

HWY_ATTR void Backward(const PoolShape& p, const float* x, const float* y, const float* dy, float* dx) {
  const std::size_t row = p.width * p.channels;
  for_windows(p, [&](auto d, std::size_t to, std::size_t from) HWY_ATTR {
    const auto largest = hn::LoadU(d, y + to);
    auto left = hn::LoadU(d, dy + to);  // nothing once the first of the largest has had it
    for (std::size_t i = 0; i < p.size; ++i) {
      for (std::size_t j = 0; j < p.size; ++j) {
        const std::size_t at = from + i * row + j * p.channels;
        const auto is_largest = hn::Eq(hn::LoadU(d, x + at), largest);
        hn::StoreU(hn::IfThenElseZero(is_largest, left), d, dx + at);
        left = hn::IfThenZeroElse(is_largest, left);
      }
    }
  });
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);

void max_pool_forward(const PoolShape& shape, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(Forward)(shape, x, y);
}

void max_pool_backward(const PoolShape& shape, const float* x, const float* y, const float* dy, float* dx) {
  HWY_DYNAMIC_DISPATCH(Backward)(shape, x, y, dy, dx);
}

}  // namespace nn
#endif
