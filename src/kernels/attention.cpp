// The kernels of nn/layers/attention.hpp and nn/fusions/attention_pool.hpp: what attention does between its
// matrix products.
//
// A row of 49 scores is four vectors, and exp() works on a whole one: the softmax of a sample takes 2.0
// microseconds where std::exp takes 9.3 (its matrix products: 13 forward). The transposes take 1.2 and save
// BLAS 4.
//
// Compiled for every instruction set that can be met; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "kernels/vectors.hpp"
#include "nn/fusions/attention_pool.hpp"
#include "nn/layers/attention.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// At most 16 lanes: what rows are padded for.
using Lane16 = hn::CappedTag<float, 16>;

// Four rows and four columns at a time, in registers; what is left over float by float.
HWY_ATTR void Transpose(ConstMatrix from, Matrix to) {
  std::size_t rows = 0, cols = 0;
#if HWY_TARGET != HWY_SCALAR
  rows = from.rows / 4 * 4;
  cols = from.cols / 4 * 4;
  const hn::FixedTag<float, 4> d;
  const hn::Repartition<std::uint64_t, decltype(d)> pairs;
  const auto store_interleaved = [&](auto a, auto b, float* lower, float* upper) HWY_ATTR {
    const auto pairs_a = hn::BitCast(pairs, a), pairs_b = hn::BitCast(pairs, b);
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, pairs_a, pairs_b)), d, lower);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, pairs_a, pairs_b)), d, upper);
  };
  for (std::size_t r = 0; r < rows; r += 4) {
    for (std::size_t c = 0; c < cols; c += 4) {
      const float* in = from.data + r * from.stride + c;
      float *out0 = to.data + c * to.stride + r, *out1 = out0 + to.stride, *out2 = out1 + to.stride;
      const auto in0 = hn::LoadU(d, in), in1 = hn::LoadU(d, in + from.stride);
      const auto in2 = hn::LoadU(d, in + 2 * from.stride), in3 = hn::LoadU(d, in + 3 * from.stride);
      store_interleaved(hn::InterleaveLower(d, in0, in1), hn::InterleaveLower(d, in2, in3), out0, out1);
      store_interleaved(hn::InterleaveUpper(d, in0, in1), hn::InterleaveUpper(d, in2, in3), out2,
                        out2 + to.stride);
    }
  }
#endif
  for (std::size_t r = 0; r < from.rows; ++r) {
    for (std::size_t c = r < rows ? cols : 0; c < from.cols; ++c) {
      to.data[c * to.stride + r] = from.data[r * from.stride + c];
    }
  }
}

HWY_ATTR void SoftmaxRows(Matrix s, float scale) {
  const Lane16 d;
  const std::size_t lanes = hn::Lanes(d);
  const auto lowest = hn::Set(d, -1e30f);
  for (std::size_t r = 0; r < s.rows; ++r) {
    float* row = s.data + r * s.stride;
    auto largest = lowest;
    for (std::size_t c = 0; c < s.cols; c += lanes) {
      const auto v =
          hn::IfThenElse(hn::FirstN(d, std::min(lanes, s.cols - c)), hn::LoadU(d, row + c), lowest);
      hn::StoreU(v, d, row + c);
      largest = hn::Max(largest, v);
    }
    largest = hn::MaxOfLanes(d, largest);
    auto sum = hn::Zero(d);
    for (std::size_t c = 0; c < s.cols; c += lanes) {
      const auto e = hn::Exp(d, hn::Mul(hn::Set(d, scale), hn::Sub(hn::LoadU(d, row + c), largest)));
      hn::StoreU(e, d, row + c);
      sum = hn::Add(sum, e);
    }
    const auto share = hn::Div(hn::Set(d, 1.0f), hn::SumOfLanes(d, sum));
    for (std::size_t c = 0; c < s.cols; c += lanes) {
      hn::StoreU(hn::Mul(share, hn::LoadU(d, row + c)), d, row + c);
    }
  }
}

HWY_ATTR void SoftmaxRowsBackward(ConstMatrix p, float scale, Matrix dp) {
  const Lane16 d;
  const std::size_t lanes = hn::Lanes(d);
  for (std::size_t r = 0; r < p.rows; ++r) {
    const float* row = p.data + r * p.stride;
    float* drow = dp.data + r * dp.stride;
    auto sum = hn::Zero(d);
    for (std::size_t c = 0; c < p.cols; c += lanes) {
      const auto product = hn::Mul(hn::LoadU(d, row + c), hn::LoadU(d, drow + c));
      sum = hn::Add(sum, hn::IfThenElseZero(hn::FirstN(d, std::min(lanes, p.cols - c)), product));
    }
    sum = hn::SumOfLanes(d, sum);
    for (std::size_t c = 0; c < p.cols; c += lanes) {
      const auto scaled = hn::Mul(hn::Set(d, scale), hn::LoadU(d, row + c));
      hn::StoreU(hn::Mul(scaled, hn::Sub(hn::LoadU(d, drow + c), sum)), d, drow + c);
    }
  }
}

HWY_ATTR void ReluMean(Matrix h, float* mean) {
  const float share = 1.0f / static_cast<float>(h.rows);
  for_vector_groups(h.cols, [&](auto d, auto vectors, std::size_t c) HWY_ATTR {
    constexpr int kVectors = decltype(vectors)::value;
    const std::size_t lanes = hn::Lanes(d);
    hn::Vec<decltype(d)> sum[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[v] = hn::Zero(d);
    for (std::size_t r = 0; r < h.rows; ++r) {
      float* cell = h.data + r * h.stride + c;
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v, cell += lanes) {
        const auto value = hn::Max(hn::LoadU(d, cell), hn::Zero(d));
        hn::StoreU(value, d, cell);
        sum[v] = hn::Add(sum[v], value);
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      hn::StoreU(hn::Mul(hn::Set(d, share), sum[v]), d, mean + c + static_cast<std::size_t>(v) * lanes);
    }
  });
}

// dmean, and not a column of h, is what is read again and again: it stays in L1.
HWY_ATTR void ReluMeanBackward(ConstMatrix h, const float* dmean, Matrix dh) {
  const float share = 1.0f / static_cast<float>(h.rows);
  for (std::size_t r = 0; r < h.rows; ++r) {
    for_vector_groups(h.cols, [&](auto d, auto vectors, std::size_t c) HWY_ATTR {
#pragma GCC unroll 4
      for (int v = 0; v < decltype(vectors)::value; ++v, c += hn::Lanes(d)) {
        const auto active = hn::Gt(hn::LoadU(d, h.data + r * h.stride + c), hn::Zero(d));
        const auto g = hn::Mul(hn::Set(d, share), hn::LoadU(d, dmean + c));
        hn::StoreU(hn::IfThenElseZero(active, g), d, dh.data + r * dh.stride + c);
      }
    });
  }
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(Transpose);
HWY_EXPORT(SoftmaxRows);
HWY_EXPORT(SoftmaxRowsBackward);
HWY_EXPORT(ReluMean);
HWY_EXPORT(ReluMeanBackward);

void transpose(ConstMatrix from, Matrix to) {
  assert(from.rows == to.cols && from.cols == to.rows && !from.is_transposed && !to.is_transposed);
  HWY_DYNAMIC_DISPATCH(Transpose)(from, to);
}

void softmax_rows(Matrix s, float scale) {
  assert(s.stride >= padded_row(s.cols));
  HWY_DYNAMIC_DISPATCH(SoftmaxRows)(s, scale);
}

void softmax_rows_backward(ConstMatrix p, float scale, Matrix dp) {
  assert(p.rows == dp.rows && p.cols == dp.cols);
  assert(p.stride >= padded_row(p.cols) && dp.stride >= padded_row(p.cols));
  HWY_DYNAMIC_DISPATCH(SoftmaxRowsBackward)(p, scale, dp);
}

void relu_mean(Matrix h, std::span<float> mean) {
  assert(mean.size() == h.cols);
  HWY_DYNAMIC_DISPATCH(ReluMean)(h, mean.data());
}

void relu_mean_backward(ConstMatrix h, std::span<const float> dmean, Matrix dh) {
  assert(dmean.size() == h.cols && dh.rows == h.rows && dh.cols == h.cols);
  HWY_DYNAMIC_DISPATCH(ReluMeanBackward)(h, dmean.data(), dh);
}

}  // namespace nn
#endif
