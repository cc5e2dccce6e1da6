// The kernel of nn/core/small_matmul.hpp.
//
// Compiled for every instruction set that can be met; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/small_matmul.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <algorithm>

#include "nn/core/matmul.hpp"
#include "nn/core/small_matmul.hpp"
#include "nn/core/tensor.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// AVX-512 and Arm have 32 registers, the others 16.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM
constexpr int kRegisters = 32;
#else
constexpr int kRegisters = 16;
#endif

// Rows of c that fit into registers with `vectors` vectors each, beside a row of b and one number of a.
constexpr int RowsOf(int vectors) {
  return std::min(8, (kRegisters - vectors - 1) / vectors);
}

// kRows x kVectors vectors of c, which begin at i, j.
template <int kRows, int kVectors, class D>
HWY_ATTR HWY_INLINE void Tile(D d, const SmallProduct& p, std::size_t i, std::size_t j) {
  using V = hn::Vec<D>;
  const std::size_t lanes = hn::Lanes(d);
  float* const c = p.c + i * p.c_row + j;
  V sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) {
      const std::size_t at = static_cast<std::size_t>(v) * lanes;
      sum[r][v] = p.add     ? hn::LoadU(d, c + static_cast<std::size_t>(r) * p.c_row + at)
                  : p.start ? hn::LoadU(d, p.start + j + at)
                            : hn::Zero(d);
    }
  }
  std::size_t place[kRows];  // of the rows of a
#pragma GCC unroll 8
  for (std::size_t r = 0; r < kRows; ++r) {
    place[r] = p.group == 0 ? (i + r) * p.a_row : (i + r) / p.group * p.a_group + (i + r) % p.group * p.a_row;
  }
  for (std::size_t o = 0; o < p.outer; ++o) {
    const float* a = p.a + o * p.a_outer;
    const float* b = p.b + o * p.b_outer + j;
    for (std::size_t k = 0; k < p.k; ++k, a += p.a_k, b += p.b_k) {
      V row[kVectors];
#pragma GCC unroll 3
      for (int v = 0; v < kVectors; ++v) row[v] = hn::LoadU(d, b + static_cast<std::size_t>(v) * lanes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const V factor = hn::Set(d, a[place[r]]);
#pragma GCC unroll 3
        for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(factor, row[v], sum[r][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 3
    for (int v = 0; v < kVectors; ++v) {
      hn::StoreU(sum[r][v], d,
                 c + static_cast<std::size_t>(r) * p.c_row + static_cast<std::size_t>(v) * lanes);
    }
  }
}

// All rows of kVectors vectors of columns, which begin at j.
template <int kVectors, class D>
HWY_ATTR HWY_NOINLINE void Columns(D d, const SmallProduct& p, std::size_t j) {
  constexpr int kRows = RowsOf(kVectors);
  std::size_t i = 0;
  for (; i + kRows <= p.m; i += kRows) Tile<kRows, kVectors>(d, p, i, j);
  if constexpr (kRows > 4) {
    if (i + 4 <= p.m) {
      Tile<4, kVectors>(d, p, i, j);
      i += 4;
    }
  }
  if (i + 2 <= p.m) {
    Tile<2, kVectors>(d, p, i, j);
    i += 2;
  }
  for (; i < p.m; ++i) Tile<1, kVectors>(d, p, i, j);
}

// The last columns, fewer than a vector has: with copies of b and c that are as wide as one.
template <class D>
HWY_ATTR HWY_NOINLINE void LastColumns(D d, const SmallProduct& p, std::size_t j) {
  thread_local Floats memory;
  const std::size_t lanes = hn::Lanes(d), count = p.n - j, sums = p.outer * p.k;
  memory.resize(std::max(memory.size(), (sums + p.m) * lanes));
  float *const b = memory.data(), *const c = b + sums * lanes;
  for (std::size_t o = 0; o < p.outer; ++o) {
    for (std::size_t k = 0; k < p.k; ++k) {
      std::copy_n(p.b + o * p.b_outer + k * p.b_k + j, count, b + (o * p.k + k) * lanes);
    }
  }
  SmallProduct wide = p;
  wide.b = b;
  wide.b_outer = p.k * lanes;
  wide.b_k = wide.c_row = wide.n = lanes;
  wide.c = c;
  wide.add = false;
  wide.start = nullptr;
  Columns<1>(d, wide, 0);
  for (std::size_t i = 0; i < p.m; ++i) {
    float* const out = p.c + i * p.c_row + j;
    for (std::size_t l = 0; l < count; ++l) {
      out[l] = c[i * lanes + l] + (p.add ? out[l] : p.start ? p.start[j + l] : 0.0f);
    }
  }
}

HWY_ATTR void Multiply(const SmallProduct& p) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t j = 0;
  for (; j + 3 * lanes <= p.n; j += 3 * lanes) Columns<3>(d, p, j);
  if (j + 2 * lanes <= p.n) {
    Columns<2>(d, p, j);
    j += 2 * lanes;
  }
  if (j + lanes <= p.n) {
    Columns<1>(d, p, j);
    j += lanes;
  }
  if (j < p.n) LastColumns(d, p, j);
}

// b's part of three vectors stays in the L1 cache while all rows go by: the sum is cut accordingly.
HWY_ATTR void MultiplyInParts(const SmallProduct& p) {
  const std::size_t most = 14 * 1024 / (3 * 4 * hn::Lanes(hn::ScalableTag<float>()));
  if (p.outer * p.k <= most) return Multiply(p);
  const std::size_t outers = std::max<std::size_t>(1, most / p.k), ks = std::min(most, p.k);
  bool add = p.add;
  for (std::size_t o = 0; o < p.outer; o += outers) {
    for (std::size_t k = 0; k < p.k; k += ks, add = true) {
      SmallProduct part = p;
      part.a += o * p.a_outer + k * p.a_k;
      part.b += o * p.b_outer + k * p.b_k;
      part.outer = std::min(outers, p.outer - o);
      part.k = std::min(ks, p.k - k);
      part.add = add;
      Multiply(part);
    }
  }
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(MultiplyInParts);

void small_matmul(const SmallProduct& product) {
  HWY_DYNAMIC_DISPATCH(MultiplyInParts)(product);
}

void detail::small_product(ConstMatrix a, ConstMatrix b, Matrix c, bool add) {
  thread_local Floats memory;
  if (b.is_transposed) {  // its columns have to lie side by side
    memory.resize(std::max(memory.size(), b.rows * b.cols));
    const Matrix copy = mat(memory, b.rows, b.cols);
    transpose(transposed(b), copy);
    b = copy;
  }
  small_matmul({.a = a.data,
                .a_row = a.is_transposed ? 1 : a.stride,
                .a_outer = 0,
                .a_k = a.is_transposed ? a.stride : 1,
                .b = b.data,
                .b_outer = 0,
                .b_k = b.stride,
                .c = c.data,
                .c_row = c.stride,
                .m = c.rows,
                .n = c.cols,
                .outer = 1,
                .k = a.cols,
                .add = add});
}

}  // namespace nn
#endif
