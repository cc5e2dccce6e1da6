// The kernels of nn/fusions/sparse_dense.hpp.
//
// Forward holds the weights of a pixel pair in registers, 2 rows x 4 vectors, and adds them, times the
// pixels, to the partial sums of each sample that has some there. Those sums, (B, 64) floats, stay in the L1
// cache in a tile of their own: in y itself their rows would lie 2 KB apart and fall into the same few cache
// sets. Backward holds the same rows of dw (or of w itself) and adds the pixels times each sample's dy.
//
// Compiled for every instruction set that can be met; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/sparse_dense.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "kernels/vectors.hpp"
#include "nn/data/intensity.hpp"
#include "nn/fusions/sparse_dense.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// V vectors that lie side by side in memory.
template <class D, int V>
struct Row {
  hn::Vec<D> v0, v1, v2, v3;

  static HWY_ATTR HWY_INLINE Row load(D d, const float* p) {
    const std::size_t n = hn::Lanes(d);
    Row r;
    r.v0 = hn::LoadU(d, p);
    if constexpr (V == 4) {
      r.v1 = hn::LoadU(d, p + n);
      r.v2 = hn::LoadU(d, p + 2 * n);
      r.v3 = hn::LoadU(d, p + 3 * n);
    }
    return r;
  }
  HWY_ATTR HWY_INLINE void store(D d, float* p) const {
    const std::size_t n = hn::Lanes(d);
    hn::StoreU(v0, d, p);
    if constexpr (V == 4) {
      hn::StoreU(v1, d, p + n);
      hn::StoreU(v2, d, p + 2 * n);
      hn::StoreU(v3, d, p + 3 * n);
    }
  }
  // this += a b
  HWY_ATTR HWY_INLINE void add(hn::Vec<D> a, const Row& b) {
    v0 = hn::MulAdd(a, b.v0, v0);
    if constexpr (V == 4) {
      v1 = hn::MulAdd(a, b.v1, v1);
      v2 = hn::MulAdd(a, b.v2, v2);
      v3 = hn::MulAdd(a, b.v3, v3);
    }
  }
};

// A thread's (B, 64) tile.
inline float* tile(std::size_t samples) {
  thread_local Floats floats;
  if (floats.size() < samples * kColumnBlock) floats.resize(samples * kColumnBlock);
  return floats.data();
}

// An odd number of pixels leaves the last pair without a right one: its weights' row is read as the left's
// (times 0), and never written.
inline std::size_t right_row(const NonzeroPixels& x, std::size_t pair) {
  return std::min(2 * pair + 1, x.pixels() - 1);
}

HWY_ATTR void Forward(const NonzeroPixels& x, ConstMatrix w, const float* b, Matrix y, std::size_t first,
                      std::size_t columns) {
  float* sums = tile(x.samples());
  for (std::size_t s = 0; s < x.samples(); ++s) std::copy_n(b + first, columns, &sums[s * kColumnBlock]);
  for_vector_groups(columns, [&](auto d, auto vectors, std::size_t c) HWY_ATTR {
    using Vectors = Row<decltype(d), decltype(vectors)::value>;
    for (std::size_t pair = 0; pair < x.pairs(); ++pair) {
      const auto entries = x.entries(pair);
      if (entries.empty()) continue;
      const Vectors left = Vectors::load(d, w.data + 2 * pair * w.stride + first + c);
      const Vectors right = Vectors::load(d, w.data + right_row(x, pair) * w.stride + first + c);
      for (const NonzeroPixels::Entry& e : entries) {
        float* sum = &sums[e.sample * kColumnBlock + c];
        Vectors row = Vectors::load(d, sum);
        row.add(hn::Set(d, kIntensity[e.left]), left);
        row.add(hn::Set(d, kIntensity[e.right]), right);
        row.store(d, sum);
      }
    }
  });
  for (std::size_t s = 0; s < x.samples(); ++s) {
    std::copy_n(&sums[s * kColumnBlock], columns, y.data + s * y.stride + first);
  }
}

// out = start + rate x^T dy over the rows of nonzero pixels, where start is `out` itself or 0.
template <bool kFromZero>
HWY_ATTR void AddOuter(const NonzeroPixels& x, ConstMatrix dy, float rate, Matrix out, std::size_t first,
                       std::size_t columns) {
  float* scaled = tile(x.samples());
  for (std::size_t s = 0; s < x.samples(); ++s) {
    for (std::size_t c = 0; c < columns; ++c) {
      scaled[s * kColumnBlock + c] = rate * dy.data[s * dy.stride + first + c];
    }
  }
  for_vector_groups(columns, [&](auto d, auto vectors, std::size_t c) HWY_ATTR {
    using Vectors = Row<decltype(d), decltype(vectors)::value>;
    for (std::size_t pair = 0; pair < x.pairs(); ++pair) {
      const auto entries = x.entries(pair);
      if (!kFromZero && entries.empty()) continue;
      float* left_row = out.data + 2 * pair * out.stride + first + c;
      float* right = 2 * pair + 1 < x.pixels() ? left_row + out.stride : nullptr;
      Vectors l, r;
      if constexpr (kFromZero) {
        l.v0 = l.v1 = l.v2 = l.v3 = hn::Zero(d);
        r = l;
      } else {
        l = Vectors::load(d, left_row);
        r = right != nullptr ? Vectors::load(d, right) : l;
      }
      for (const NonzeroPixels::Entry& e : entries) {
        const Vectors row = Vectors::load(d, &scaled[e.sample * kColumnBlock + c]);
        l.add(hn::Set(d, kIntensity[e.left]), row);
        r.add(hn::Set(d, kIntensity[e.right]), row);
      }
      l.store(d, left_row);
      if (right != nullptr) r.store(d, right);
    }
  });
}

HWY_ATTR void Backward(const NonzeroPixels& x, ConstMatrix dy, Matrix dw, std::size_t first,
                       std::size_t columns) {
  AddOuter<true>(x, dy, 1.0f, dw, first, columns);
}

HWY_ATTR void Step(const NonzeroPixels& x, ConstMatrix dy, float rate, Matrix w, std::size_t first,
                   std::size_t columns) {
  AddOuter<false>(x, dy, -rate, w, first, columns);
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);
HWY_EXPORT(Step);

namespace {
std::size_t width(std::size_t block, std::size_t outputs) {
  return std::min(kColumnBlock, outputs - block * kColumnBlock);
}
}  // namespace

void NonzeroPixels::list(const Batch& batch, std::size_t chunk) {
  assert(batch.size <= capacity_ && batch.pixels.size() == batch.size * pixels_);
  if (chunk == 0) samples_ = batch.size;
  static_assert(std::endian::native == std::endian::little, "the first pixel is a word's lowest byte");
  const std::size_t words = (pixels_ + 7) / 8;  // of eight pixels, which are mostly all 0
  const std::size_t begin = words * chunk / kChunks * 8;
  const std::size_t end = std::min(pixels_, words * (chunk + 1) / kChunks * 8);
  std::fill(&counts_[begin / 2], counts_.data() + (end + 1) / 2, 0u);
  for (std::uint32_t s = 0; s < batch.size; ++s) {
    const std::uint8_t* image = &batch.pixels[s * pixels_];
    for (std::size_t p = begin; p < end; p += 8) {
      const std::size_t in_word = std::min<std::size_t>(8, end - p);
      std::uint64_t word = 0;
      std::memcpy(&word, image + p, in_word);
      if (word == 0) continue;
      // A pair of zeros is written, too, but not counted: cheaper than a branch that nobody can foresee.
      for (std::size_t pair = p / 2; pair < (p + in_word + 1) / 2; ++pair, word >>= 16) {
        const std::uint32_t left_and_right = word & 0xffff;
        std::uint32_t& count = counts_[pair];
        entries_[pair * capacity_ + count] = std::bit_cast<Entry>(s | left_and_right << 16);
        count += left_and_right != 0;
      }
    }
  }
}

void sparse_dense_forward(const NonzeroPixels& x, ConstMatrix w, std::span<const float> b, Matrix y,
                          std::size_t block) {
  assert(w.rows == x.pixels() && y.cols == w.cols && b.size() == w.cols && y.rows == x.samples());
  HWY_DYNAMIC_DISPATCH(Forward)(x, w, b.data(), y, block * kColumnBlock, width(block, w.cols));
}

void sparse_dense_backward(const NonzeroPixels& x, ConstMatrix dy, Matrix dw, std::size_t block) {
  assert(dw.rows == x.pixels() && dy.cols == dw.cols && dy.rows == x.samples());
  HWY_DYNAMIC_DISPATCH(Backward)(x, dy, dw, block * kColumnBlock, width(block, dw.cols));
}

void sparse_dense_step(const NonzeroPixels& x, ConstMatrix dy, float rate, Matrix w, std::size_t block) {
  assert(w.rows == x.pixels() && dy.cols == w.cols && dy.rows == x.samples());
  HWY_DYNAMIC_DISPATCH(Step)(x, dy, rate, w, block * kColumnBlock, width(block, w.cols));
}

}  // namespace nn
#endif
