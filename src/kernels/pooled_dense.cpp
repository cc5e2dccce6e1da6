// The kernels of nn/layers/pooled_dense.hpp.
//
// Forward goes sample by sample; its lanes are the classes, as they lie in w, and four filters at a time keep
// eight sums in flight. Backward goes position by position, over all samples with ink there; its lanes are
// the filters, so that the position's weights (C, F), their gradient and the samples' dlogits meet in
// registers and every dlogit is loaded once for both products. Then the gradient, or the step, goes to w in
// one pass.
//
// Between the two layouts stands a 4 x 4 transpose.
//
// Compiled for every instruction set that can be met; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pooled_dense.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <algorithm>
#include <cassert>

#include "nn/layers/pooled_dense.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Filters = hn::CappedTag<float, PooledMap::kFilterGroup>;

// Calls f(tag, first class of a vector, first class of another) so that all classes are covered, some perhaps
// twice: the last vectors end with the last class.
template <class F>
HWY_ATTR HWY_INLINE void for_class_pairs(std::size_t classes, F f) {
  const hn::CappedTag<float, 8> full;
  const hn::CappedTag<float, 1> single;
  const std::size_t lanes = hn::Lanes(full);
  if (classes >= lanes) {
    const std::size_t last = classes - lanes;
    for (std::size_t k = 0; k < classes; k += 2 * lanes) {
      f(full, std::min(k, last), std::min(k + lanes, last));
    }
  } else {
    for (std::size_t k = 0; k < classes; k += 2) f(single, k, std::min(k + 1, classes - 1));
  }
}

// sums = w added up over the positions, of one filter      (P, C) -> (C)
HWY_ATTR void SumPositions(const float* w, std::size_t positions, std::size_t classes, float* sums) {
  for_class_pairs(classes, [&](auto d, std::size_t k0, std::size_t k1) HWY_ATTR {
    auto sum0 = hn::Zero(d), sum1 = hn::Zero(d);
    for (std::size_t p = 0; p < positions; ++p) {
      sum0 = hn::Add(sum0, hn::LoadU(d, w + p * classes + k0));
      sum1 = hn::Add(sum1, hn::LoadU(d, w + p * classes + k1));
    }
    hn::StoreU(sum0, d, sums + k0);
    hn::StoreU(sum1, d, sums + k1);
  });
}

// forward of one sample: logits = blank_logits + ink w      (P, F) (F, P, C) -> (C)
HWY_ATTR void Forward(const PooledMap& x, std::size_t s, const float* w, std::size_t classes,
                      const float* blank_logits, float* logits) {
  const std::size_t filters = x.filters(), padded = x.padded_filters();
  const std::size_t filter_stride = x.positions() * classes;
  const float* inks = x.ink(s, 0);
  const auto positions = x.inked_positions(s);
  for_class_pairs(classes, [&](auto d, std::size_t k0, std::size_t k1) HWY_ATTR {
    auto sum0 = hn::LoadU(d, blank_logits + k0), sum1 = hn::LoadU(d, blank_logits + k1);
    const auto add_filters = [&](auto count, std::size_t first) HWY_ATTR {
      constexpr int kCount = decltype(count)::value;
      hn::Vec<decltype(d)> a[kCount], b[kCount];
#pragma GCC unroll 4
      for (int i = 0; i < kCount; ++i) a[i] = b[i] = hn::Zero(d);
      const float *ink = inks + first, *weights0 = w + first * filter_stride + k0;
      const std::size_t from_k0 = k1 - k0;
      for (const std::size_t p : positions) {
        const float* weights = weights0 + p * classes;
#pragma GCC unroll 4
        for (int i = 0; i < kCount; ++i, weights += filter_stride) {
          const auto v = hn::Set(d, ink[p * padded + static_cast<std::size_t>(i)]);
          a[i] = hn::MulAdd(v, hn::LoadU(d, weights), a[i]);
          b[i] = hn::MulAdd(v, hn::LoadU(d, weights + from_k0), b[i]);
        }
      }
#pragma GCC unroll 4
      for (int i = 0; i < kCount; ++i) {
        sum0 = hn::Add(sum0, a[i]);
        sum1 = hn::Add(sum1, b[i]);
      }
    };
    std::size_t f = 0;
    for (; f + 4 <= filters; f += 4) add_filters(std::integral_constant<int, 4>(), f);
    for (; f < filters; ++f) add_filters(std::integral_constant<int, 1>(), f);
    hn::StoreU(sum0, d, logits + k0);
    hn::StoreU(sum1, d, logits + k1);
  });
}

// Calls f(tag, r, c, column) with four elements of a column, (r, c) .. (r + 3, c), for all whole 4 x 4
// tiles of a matrix, and f(r, c, single float) for the rest.
template <class F>
HWY_ATTR HWY_INLINE void for_transposed(const float* m, std::size_t stride, std::size_t rows,
                                        std::size_t columns, F f) {
  const hn::CappedTag<float, 1> single;
  std::size_t r = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<float, 4> four;
  for (; r + 4 <= rows; r += 4) {
    const float* in = m + r * stride;
    std::size_t c = 0;
    for (; c + 4 <= columns; c += 4) {
      const auto r0 = hn::LoadU(four, in + c), r1 = hn::LoadU(four, in + stride + c);
      const auto r2 = hn::LoadU(four, in + 2 * stride + c), r3 = hn::LoadU(four, in + 3 * stride + c);
      const auto low02 = hn::InterleaveLower(four, r0, r2), low13 = hn::InterleaveLower(four, r1, r3);
      const auto high02 = hn::InterleaveUpper(four, r0, r2), high13 = hn::InterleaveUpper(four, r1, r3);
      f(four, r, c, hn::InterleaveLower(four, low02, low13));
      f(four, r, c + 1, hn::InterleaveUpper(four, low02, low13));
      f(four, r, c + 2, hn::InterleaveLower(four, high02, high13));
      f(four, r, c + 3, hn::InterleaveUpper(four, high02, high13));
    }
    for (; c < columns; ++c) {
      for (std::size_t i = 0; i < 4; ++i) f(single, r + i, c, hn::LoadU(single, in + i * stride + c));
    }
  }
#endif
  for (; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) f(single, r, c, hn::LoadU(single, m + r * stride + c));
  }
}

// backward of one position, kCount of the classes: dink = dlogits w^T, dw = (blank + ink)^T dlogits, where
// blank meets the sum of all dlogits, which is db.      w, dw: (C, F)
template <int kCount>
HWY_ATTR HWY_NOINLINE void BackwardClasses(PooledMap& x, std::size_t p, std::size_t first, const float* w,
                                           const float* dlogits, std::size_t classes, const float* db,
                                           float* dw) {
  const Filters d;
  const std::size_t padded = x.padded_filters(), sample_stride = x.sample_stride();
  const auto samples = x.inked_samples(p);
  w += first * padded;
  dw += first * padded;
  dlogits += first;
  for (std::size_t f = 0; f < padded; f += hn::Lanes(d)) {
    const float* inks = x.ink(0, p) + f;
    float* dinks = x.dink(0, p) + f;
    hn::Vec<Filters> sum[kCount], weights[kCount];
    const auto blank = hn::LoadU(d, x.blank.data() + f);
#pragma GCC unroll 10
    for (std::size_t k = 0; k < kCount; ++k) {
      sum[k] = hn::Mul(blank, hn::Set(d, db[first + k]));
      weights[k] = hn::LoadU(d, w + k * padded + f);
    }
    for (const std::size_t s : samples) {
      const float* dlogit = dlogits + s * classes;
      const auto ink = hn::LoadU(d, inks + s * sample_stride);
      hn::Vec<Filters> dink[2] = {first == 0 ? hn::Zero(d) : hn::LoadU(d, dinks + s * sample_stride),
                                  hn::Zero(d)};
#pragma GCC unroll 10
      for (std::size_t k = 0; k < kCount; ++k) {
        const auto dk = hn::Set(d, dlogit[k]);
        sum[k] = hn::MulAdd(ink, dk, sum[k]);
        dink[k % 2] = hn::MulAdd(weights[k], dk, dink[k % 2]);
      }
      hn::StoreU(hn::Add(dink[0], dink[1]), d, dinks + s * sample_stride);
    }
#pragma GCC unroll 10
    for (std::size_t k = 0; k < kCount; ++k) hn::StoreU(sum[k], d, dw + k * padded + f);
  }
}

// out = dw if kOverwrite, else out += scale dw
template <bool kOverwrite>
HWY_ATTR void Backward(PooledMap& x, std::size_t row, const float* w, const float* dlogits,
                       std::size_t classes, const float* db, float scale, float* out, float* scratch) {
  const std::size_t padded = x.padded_filters(), filter_stride = x.positions() * classes;
  float *w_here = scratch, *dw_here = scratch + classes * padded;  // (C, F)
  for (std::size_t p = row * x.columns(); p < (row + 1) * x.columns(); ++p) {
    for_transposed(w + p * classes, filter_stride, x.filters(), classes,
                   [&](auto d, std::size_t f, std::size_t k, auto v)
                       HWY_ATTR { hn::StoreU(v, d, w_here + k * padded + f); });
    std::size_t k = 0;
    for (; k + 10 <= classes; k += 10) BackwardClasses<10>(x, p, k, w_here, dlogits, classes, db, dw_here);
    for (; k < classes; ++k) BackwardClasses<1>(x, p, k, w_here, dlogits, classes, db, dw_here);
    for_transposed(dw_here, padded, classes, x.filters(),
                   [&](auto d, std::size_t c, std::size_t f, auto v) HWY_ATTR {
                     float* o = out + f * filter_stride + p * classes + c;
                     hn::StoreU(kOverwrite ? v : hn::MulAdd(hn::Set(d, scale), v, hn::LoadU(d, o)), d, o);
                   });
  }
}

HWY_ATTR void BackwardRow(PooledMap& x, std::size_t row, const float* w, const float* dlogits,
                          std::size_t classes, const float* db, float* dw, float* scratch) {
  Backward<true>(x, row, w, dlogits, classes, db, 1.0f, dw, scratch);
}

HWY_ATTR void DescendRow(PooledMap& x, std::size_t row, const float* dlogits, std::size_t classes,
                         const float* db, float rate, float* w, float* scratch) {
  Backward<false>(x, row, w, dlogits, classes, db, -rate, w, scratch);
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(SumPositions);
HWY_EXPORT(Forward);
HWY_EXPORT(BackwardRow);
HWY_EXPORT(DescendRow);

void PooledDense::load_weights(std::span<const float> w, std::span<const float> b, const PooledMap& x) {
  const std::size_t P = x.positions();
  assert(w.size() == x.filters() * P * classes_ && b.size() == classes_);
  std::ranges::copy(b, blank_logits_.begin());
  for (std::size_t f = 0; f < x.filters(); ++f) {
    if (x.blank[f] == 0.0f) continue;
    float* sums = &sums_[f * classes_];
    HWY_DYNAMIC_DISPATCH(SumPositions)(&w[f * P * classes_], P, classes_, sums);
    for (std::size_t k = 0; k < classes_; ++k) blank_logits_[k] += x.blank[f] * sums[k];
  }
}

void PooledDense::forward(const PooledMap& x, std::size_t sample, std::span<const float> w,
                          std::span<float> logits) const {
  assert(logits.size() == classes_);
  HWY_DYNAMIC_DISPATCH(Forward)(x, sample, w.data(), classes_, blank_logits_.data(), logits.data());
}

void PooledDense::backward_blank(PooledMap& x, std::span<const float> dlogits, std::span<float> db) const {
  std::ranges::fill(db, 0.0f);
  for (std::size_t i = 0; i < dlogits.size(); i += classes_) {
    for (std::size_t k = 0; k < classes_; ++k) db[k] += dlogits[i + k];
  }
  for (std::size_t f = 0; f < x.filters(); ++f) {
    x.dblank[f] = 0.0f;
    if (x.blank[f] == 0.0f) continue;
    for (std::size_t k = 0; k < classes_; ++k) x.dblank[f] += db[k] * sums_[f * classes_ + k];
  }
}

void PooledDense::backward_row(PooledMap& x, std::size_t row, std::span<const float> w,
                               std::span<const float> dlogits, std::span<const float> db,
                               std::span<float> dw) {
  HWY_DYNAMIC_DISPATCH(BackwardRow)
  (x, row, w.data(), dlogits.data(), classes_, db.data(), dw.data(),
   &scratch_[row * 2 * classes_ * x.padded_filters()]);
}

void PooledDense::descend_row(PooledMap& x, std::size_t row, std::span<const float> dlogits,
                              std::span<const float> db, float rate, std::span<float> w) {
  HWY_DYNAMIC_DISPATCH(DescendRow)
  (x, row, dlogits.data(), classes_, db.data(), rate, w.data(),
   &scratch_[row * 2 * classes_ * x.padded_filters()]);
}

}  // namespace nn
#endif
