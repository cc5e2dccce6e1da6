// The kernels of nn/fusions/pooled_dense.hpp.
//
// Both directions go position by position, over all samples active there, with the position's weights in
// registers. Forward's lanes are the classes, as they lie in w. Backward's lanes are the filters, so that the
// weights (C, F), their gradient and the samples' dlogits meet in registers and every dlogit is loaded once
// for both products; 4 x 4 transposes lead there and back. They take a whole row at once: position by
// position, loads of 8 floats would wait for the stores of 4 just before them (an epoch of mnist_cnn: +5 %).
//
// Compiled for every instruction set that can be met; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pooled_dense.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <algorithm>
#include <cassert>

#include "nn/fusions/pooled_dense.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Filters = hn::CappedTag<float, PooledMap::kFilterGroup>;

// Filters whose weights, two vectors of classes each, forward holds in registers.
constexpr int kForwardFilters = 8;

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

// partial += (baseline, active) w, of position p, filters f .. f+kCount-1 and two vectors of classes that
// begin with k0 and k1.
template <int kCount, class D>
HWY_ATTR HWY_INLINE void ForwardFilters(D d, const PooledMap& x, std::size_t p, std::size_t f, const float* w,
                                        std::size_t k0, std::size_t k1, std::size_t classes, float* partial) {
  hn::Vec<D> w0[kCount], w1[kCount];
  w += f * x.positions() * classes + p * classes;
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i, w += x.positions() * classes) {
    w0[i] = hn::LoadU(d, w + k0);
    w1[i] = hn::LoadU(d, w + k1);
  }
  const auto add = [&](const float* active, float* sums) HWY_ATTR {
    auto sum0 = hn::LoadU(d, sums + k0), sum1 = hn::LoadU(d, sums + k1);
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) {
      const auto v = hn::Set(d, active[i]);
      sum0 = hn::MulAdd(v, w0[i], sum0);
      sum1 = hn::MulAdd(v, w1[i], sum1);
    }
    hn::StoreU(sum0, d, sums + k0);
    hn::StoreU(sum1, d, sums + k1);
  };
  add(&x.baseline[f], partial);
  partial += classes;
  const float* active = x.active(p) + f;
  for (const std::size_t s : x.active_samples(p)) {
    add(active, partial + s * classes);
    active += x.padded_filters();
  }
}

// partial (1 + B, C) = what a row of positions adds to the logits: baseline, then each sample's active part.
// Where the last vectors cover classes again, they begin again.
HWY_ATTR void ForwardRow(const PooledMap& x, std::size_t samples, std::size_t row, const float* w,
                         std::size_t classes, float* partial) {
  for_class_pairs(classes, [&](auto d, std::size_t k0, std::size_t k1) HWY_ATTR {
    for (float* sums = partial; sums != partial + (1 + samples) * classes; sums += classes) {
      hn::StoreU(hn::Zero(d), d, sums + k0);
      hn::StoreU(hn::Zero(d), d, sums + k1);
    }
    for (std::size_t p = row * x.columns(); p < (row + 1) * x.columns(); ++p) {
      std::size_t f = 0;
      for (; f + kForwardFilters <= x.filters(); f += kForwardFilters) {
        ForwardFilters<kForwardFilters>(d, x, p, f, w, k0, k1, classes, partial);
      }
      for (; f < x.filters(); ++f) ForwardFilters<1>(d, x, p, f, w, k0, k1, classes, partial);
    }
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

// backward of one position, kCount of the classes: d_active = dlogits w^T, dw = active^T dlogits, and the
// same of baseline, whose dlogits are db.      w, dw: (C, F)
template <int kCount>
HWY_ATTR HWY_NOINLINE void BackwardClasses(PooledMap& x, std::size_t row, std::size_t p, std::size_t first,
                                           const float* w, const float* dlogits, std::size_t classes,
                                           const float* db, float* dw) {
  const Filters d;
  const std::size_t padded = x.padded_filters();
  const auto samples = x.active_samples(p);
  w += first * padded;
  dw += first * padded;
  dlogits += first;
  db += first;
  for (std::size_t f = 0; f < padded; f += hn::Lanes(d)) {
    const float* actives = x.active(p) + f;
    float *d_actives = x.d_active(p) + f, *d_baselines = x.d_baseline(row) + f;
    hn::Vec<Filters> sum[kCount], weights[kCount];
    const auto baseline = hn::LoadU(d, x.baseline.data() + f);
    auto d_baseline = hn::LoadU(d, d_baselines);
#pragma GCC unroll 10
    for (std::size_t k = 0; k < kCount; ++k) {
      const auto dk = hn::Set(d, db[k]);
      weights[k] = hn::LoadU(d, w + k * padded + f);
      sum[k] = hn::Mul(baseline, dk);
      d_baseline = hn::MulAdd(weights[k], dk, d_baseline);
    }
    hn::StoreU(d_baseline, d, d_baselines);
    for (const std::size_t s : samples) {
      const float* dlogit = dlogits + s * classes;
      const auto active = hn::LoadU(d, actives);
      hn::Vec<Filters> d_active[2] = {first == 0 ? hn::Zero(d) : hn::LoadU(d, d_actives), hn::Zero(d)};
#pragma GCC unroll 10
      for (std::size_t k = 0; k < kCount; ++k) {
        const auto dk = hn::Set(d, dlogit[k]);
        sum[k] = hn::MulAdd(active, dk, sum[k]);
        d_active[k % 2] = hn::MulAdd(weights[k], dk, d_active[k % 2]);
      }
      hn::StoreU(hn::Add(d_active[0], d_active[1]), d, d_actives);
      actives += padded;
      d_actives += padded;
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
  const std::size_t row_size = x.columns() * classes, row_start = row * row_size;
  float *w_row = scratch, *dw_row = scratch + row_size * padded;  // (columns, C, F)
  for_transposed(w + row_start, filter_stride, x.filters(), row_size,
                 [&](auto d, std::size_t f, std::size_t k, auto v)
                     HWY_ATTR { hn::StoreU(v, d, w_row + k * padded + f); });
  std::fill_n(x.d_baseline(row), padded, 0.0f);
  for (std::size_t column = 0; column < x.columns(); ++column) {
    const std::size_t p = row * x.columns() + column, here = column * classes * padded;
    std::size_t k = 0;
    for (; k + 10 <= classes; k += 10)
      BackwardClasses<10>(x, row, p, k, w_row + here, dlogits, classes, db, dw_row + here);
    for (; k < classes; ++k)
      BackwardClasses<1>(x, row, p, k, w_row + here, dlogits, classes, db, dw_row + here);
  }
  for_transposed(dw_row, padded, row_size, x.filters(),
                 [&](auto d, std::size_t k, std::size_t f, auto v) HWY_ATTR {
                   float* o = out + row_start + f * filter_stride + k;
                   hn::StoreU(kOverwrite ? v : hn::MulAdd(hn::Set(d, scale), v, hn::LoadU(d, o)), d, o);
                 });
}

HWY_ATTR void BackwardRow(PooledMap& x, std::size_t row, const float* w, const float* dlogits,
                          std::size_t classes, const float* db, float* dw, float* scratch) {
  Backward<true>(x, row, w, dlogits, classes, db, 1.0f, dw, scratch);
}

HWY_ATTR void StepRow(PooledMap& x, std::size_t row, const float* dlogits, std::size_t classes,
                      const float* db, float rate, float* w, float* scratch) {
  Backward<false>(x, row, w, dlogits, classes, db, -rate, w, scratch);
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(ForwardRow);
HWY_EXPORT(BackwardRow);
HWY_EXPORT(StepRow);

void PooledDense::forward_row(const PooledMap& x, std::size_t samples, std::size_t row,
                              std::span<const float> w) {
  assert(samples <= capacity_ && w.size() == x.filters() * x.positions() * classes_);
  HWY_DYNAMIC_DISPATCH(ForwardRow)(x, samples, row, w.data(), classes_, partial(row));
}

void PooledDense::reduce_forward(std::size_t samples, std::span<const float> b, std::span<float> logits) {
  assert(b.size() == classes_ && logits.size() == samples * classes_);
  float* sums = partial(0);
  for (std::size_t k = 0; k < classes_; ++k) sums[k] += b[k];
  for (std::size_t row = 1; row < rows_; ++row) {
    const float* added = partial(row);
    for (std::size_t i = 0; i < (1 + samples) * classes_; ++i) sums[i] += added[i];
  }
  for (std::size_t i = 0; i < samples * classes_; i += classes_) {
    for (std::size_t k = 0; k < classes_; ++k) logits[i + k] = sums[k] + sums[classes_ + i + k];
  }
}

void PooledDense::backward_bias(std::span<const float> dlogits, std::span<float> db) const {
  std::ranges::fill(db, 0.0f);
  for (std::size_t i = 0; i < dlogits.size(); i += classes_) {
    for (std::size_t k = 0; k < classes_; ++k) db[k] += dlogits[i + k];
  }
}

void PooledDense::backward_row(PooledMap& x, std::size_t row, std::span<const float> w,
                               std::span<const float> dlogits, std::span<const float> db,
                               std::span<float> dw) {
  HWY_DYNAMIC_DISPATCH(BackwardRow)
  (x, row, w.data(), dlogits.data(), classes_, db.data(), dw.data(), &scratch_[row * scratch_size(x)]);
}

void PooledDense::step_row(PooledMap& x, std::size_t row, std::span<const float> dlogits,
                           std::span<const float> db, float rate, std::span<float> w) {
  HWY_DYNAMIC_DISPATCH(StepRow)
  (x, row, dlogits.data(), classes_, db.data(), rate, w.data(), &scratch_[row * scratch_size(x)]);
}

}  // namespace nn
#endif
