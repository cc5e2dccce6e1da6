// The kernels of nn/fusions/conv_pool.hpp.
//
// Lanes are filters. A pixel of the patch under a pooled position is broadcast and multiplied into all of the
// up to four outputs that it belongs to, with the filters' weights held in registers: 16 loads for the 36
// products of a 3 x 3 kernel, and the maximum of the four needs no shuffle. Backward is the same loop with
// the weights' gradient in the registers and dy masked to the output that won.
//
// Lanes that are neighbouring positions would have to compute all of them. Lanes that are filters can skip
// the positions that are all zero, which makes an epoch of mnist_cnn 1.8 times as fast.
//
// Compiled for every instruction set that can be met; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv_pool.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>

#include "nn/fusions/conv_pool.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Filters = hn::CappedTag<float, PooledMap::kFilterGroup>;

// Calls f(tag, first element of a vector) so that `size` elements are covered, some perhaps twice: the last
// vector ends with the last element.
template <class F>
HWY_ATTR HWY_INLINE void for_overlapping_vectors(std::size_t size, F f) {
  const hn::ScalableTag<float> full;
  const hn::CappedTag<float, 1> single;
  if (const std::size_t lanes = hn::Lanes(full); size >= lanes) {
    for (std::size_t i = 0; i < size; i += lanes) f(full, std::min(i, size - lanes));
  } else {
    for (std::size_t i = 0; i < size; ++i) f(single, i);
  }
}

// Cuts the strip under a row of positions out of all images, and lists where it is not zero. What is outside
// of an image is 0 from the beginning.
template <int K>
HWY_ATTR void LoadStrips(ConvPool& conv, const Batch& batch, std::size_t row, PooledMap& y) {
  const std::size_t height = conv.shape().height, width = conv.shape().width,
                    strip_width = conv.strip_width();
  const std::size_t pad = K / 2;
  const std::size_t begin = pad - std::min(pad, 2 * row),
                    end = std::min<std::size_t>(K + 1, height + pad - 2 * row);
  for (std::size_t s = 0; s < batch.size; ++s) {
    const std::uint8_t* image = batch.image(s).data() + (2 * row + begin - pad) * width;
    float* strip = conv.strip(row, s) + begin * strip_width + pad;
    std::uint8_t* active = conv.strip_nonzero(row, s) + pad;
    for_overlapping_vectors(width, [&](auto d, std::size_t c) HWY_ATTR {
      const hn::Rebind<std::uint8_t, decltype(d)> d8;
      const hn::Rebind<std::int32_t, decltype(d)> d32;
      auto any = hn::Zero(d8);
      const std::uint8_t* in = image + c;
      float* out = strip + c;
      for (std::size_t r = begin; r < end; ++r, in += width, out += strip_width) {
        const auto bytes = hn::LoadU(d8, in);
        any = hn::Or(any, bytes);
        const auto pixels = hn::ConvertTo(d, hn::PromoteTo(d32, bytes));
        hn::StoreU(hn::Mul(pixels, hn::Set(d, 1.0f / 255.0f)), d, out);
      }
      hn::StoreU(any, d8, active + c);
    });
  }
  const std::uint8_t* actives = conv.strip_nonzero(row, 0);
  y.list_active_samples(batch.size, row, [&](std::size_t s, std::size_t column) {
    std::uint64_t patch = 0;
    std::memcpy(&patch, actives + s * strip_width + 2 * column, K + 1);
    return patch != 0;
  });
}

// Calls f(output, tap) for those of the four outputs that pixel (r, c) of the patch belongs to.
template <int K, class F>
HWY_ATTR HWY_INLINE void for_taps_of_pixel(int r, int c, F f) {
#pragma GCC unroll 4
  for (int o = 0; o < 4; ++o) {
    const int i = r - o / 2, j = c - o % 2;
    if (i >= 0 && i < K && j >= 0 && j < K) f(o, i * K + j);
  }
}

template <int K>
HWY_ATTR void Forward(ConvPool& conv, const Batch& batch, std::size_t row, PooledMap& y) {
  LoadStrips<K>(conv, batch, row, y);
  const Filters d;
  const std::size_t padded = y.padded_filters(), width = conv.strip_width(), strip_size = conv.strip_size();
  const auto least = hn::Set(d, conv.shape().relu ? 0.0f : std::numeric_limits<float>::lowest());
  for (std::size_t f = 0; f < padded; f += hn::Lanes(d)) {
    hn::Vec<Filters> w[K * K];
#pragma GCC unroll 49
    for (std::size_t t = 0; t < K * K; ++t) w[t] = hn::LoadU(d, conv.weights() + t * padded + f);
    const auto bias = hn::LoadU(d, conv.bias() + f), baseline = hn::LoadU(d, y.baseline.data() + f);
    for (std::size_t column = 0; column < y.columns(); ++column) {
      const std::size_t p = row * y.columns() + column;
      const float* patches = conv.strip(row, 0) + 2 * column;
      float *active = y.active(p) + f, *winners = conv.winners(y, p) + f;
      for (const std::size_t s : y.active_samples(p)) {
        const float* patch = patches + s * strip_size;
        hn::Vec<Filters> out[4] = {bias, bias, bias, bias};
#pragma GCC unroll 8
        for (int r = 0; r <= K; ++r, patch += width) {
#pragma GCC unroll 8
          for (int c = 0; c <= K; ++c) {
            const auto pixel = hn::Set(d, patch[c]);
            for_taps_of_pixel<K>(r, c,
                                 [&](int o, int t) HWY_ATTR { out[o] = hn::MulAdd(pixel, w[t], out[o]); });
          }
        }
        auto largest = least, winner = hn::Set(d, -1.0f);
#pragma GCC unroll 4
        for (int o = 0; o < 4; ++o) {
          winner = hn::IfThenElse(hn::Gt(out[o], largest), hn::Set(d, static_cast<float>(o)), winner);
          largest = hn::Max(out[o], largest);
        }
        hn::StoreU(hn::Sub(largest, baseline), d, active);
        hn::StoreU(winner, d, winners);
        active += padded;
        winners += padded;
      }
    }
  }
}

template <int K>
HWY_ATTR void Backward(const ConvPool& conv, const PooledMap& y, std::size_t row, float* partial) {
  const Filters d;
  const std::size_t padded = y.padded_filters(), width = conv.strip_width(), strip_size = conv.strip_size();
  for (std::size_t f = 0; f < padded; f += hn::Lanes(d)) {
    hn::Vec<Filters> dw[K * K], db = hn::Zero(d);
#pragma GCC unroll 49
    for (int t = 0; t < K * K; ++t) dw[t] = hn::Zero(d);
    const auto baseline = hn::LoadU(d, y.baseline.data() + f);
    const auto baseline_passes =
        conv.shape().relu ? hn::Gt(baseline, hn::Zero(d)) : hn::Eq(baseline, baseline);
    for (std::size_t column = 0; column < y.columns(); ++column) {
      const std::size_t p = row * y.columns() + column;
      const float* patches = conv.strip(row, 0) + 2 * column;
      const float *d_active = y.d_active(p) + f, *winners = conv.winners(y, p) + f;
      for (const std::size_t s : y.active_samples(p)) {
        const float* patch = patches + s * strip_size;
        const auto dy = hn::LoadU(d, d_active), winner = hn::LoadU(d, winners);
        d_active += padded;
        winners += padded;
        hn::Vec<Filters> dout[4];
#pragma GCC unroll 4
        for (int o = 0; o < 4; ++o) {
          dout[o] = hn::IfThenElseZero(hn::Eq(winner, hn::Set(d, static_cast<float>(o))), dy);
        }
        // active = max(out, 0) - max(b, 0), or without ReLU the largest out - b
        db = hn::Add(db, hn::IfThenElseZero(hn::Ge(winner, hn::Zero(d)), dy));
        db = hn::Sub(db, hn::IfThenElseZero(baseline_passes, dy));
#pragma GCC unroll 8
        for (int r = 0; r <= K; ++r, patch += width) {
#pragma GCC unroll 8
          for (int c = 0; c <= K; ++c) {
            const auto pixel = hn::Set(d, patch[c]);
            for_taps_of_pixel<K>(r, c,
                                 [&](int o, int t) HWY_ATTR { dw[t] = hn::MulAdd(pixel, dout[o], dw[t]); });
          }
        }
      }
    }
#pragma GCC unroll 49
    for (std::size_t t = 0; t < K * K; ++t) hn::StoreU(dw[t], d, partial + t * padded + f);
    db = hn::Add(db, hn::IfThenElseZero(baseline_passes, hn::LoadU(d, y.d_baseline(row) + f)));
    hn::StoreU(db, d, partial + K * K * padded + f);
  }
}

HWY_ATTR void ForwardAnyKernel(ConvPool& conv, const Batch& batch, std::size_t row, PooledMap& y) {
  if (conv.shape().kernel == 3) Forward<3>(conv, batch, row, y);
  if (conv.shape().kernel == 5) Forward<5>(conv, batch, row, y);
  if (conv.shape().kernel == 7) Forward<7>(conv, batch, row, y);
}

HWY_ATTR void BackwardAnyKernel(const ConvPool& conv, const PooledMap& y, std::size_t row, float* partial) {
  if (conv.shape().kernel == 3) Backward<3>(conv, y, row, partial);
  if (conv.shape().kernel == 5) Backward<5>(conv, y, row, partial);
  if (conv.shape().kernel == 7) Backward<7>(conv, y, row, partial);
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(ForwardAnyKernel);
HWY_EXPORT(BackwardAnyKernel);

ConvPool::ConvPool(const ConvPoolShape& shape) : shape_(shape) {
  assert(shape.kernel % 2 == 1 && shape.kernel >= 3 && shape.kernel <= 7);
  assert(shape.height >= 2 && shape.width >= 2 && shape.filters >= 1);
  const std::size_t padded = PooledMap(1, 1, shape.filters).padded_filters();
  weights_.resize(shape.taps() * padded);
  bias_.resize(padded);
  partial_.resize(shape.rows() * partial_size());
}

void ConvPool::reserve(std::size_t samples) {
  capacity_ = samples;
  strips_.assign(shape_.rows() * samples * strip_size(), 0.0f);
  strip_nonzero_.assign(shape_.rows() * samples * strip_width(), 0);
  winners_.resize(shape_.rows() * shape_.columns() * samples * padded_filters());
}

void ConvPool::load_weights(std::span<const float> w, std::span<const float> b, PooledMap& y) {
  assert(w.size() == shape_.filters * shape_.taps() && b.size() == shape_.filters);
  for (std::size_t f = 0; f < shape_.filters; ++f) {
    for (std::size_t t = 0; t < shape_.taps(); ++t)
      weights_[t * padded_filters() + f] = w[f * shape_.taps() + t];
    bias_[f] = b[f];
    y.baseline[f] = b[f] < 0.0f && shape_.relu ? 0.0f : b[f];
  }
}

void ConvPool::forward_row(const Batch& batch, std::size_t row, PooledMap& y) {
  assert(batch.size <= capacity_ && batch.pixels.size() == batch.size * shape_.height * shape_.width);
  assert(y.rows() == shape_.rows() && y.columns() == shape_.columns() && y.filters() == shape_.filters);
  HWY_DYNAMIC_DISPATCH(ForwardAnyKernel)(*this, batch, row, y);
}

void ConvPool::backward_row(const PooledMap& y, std::size_t row) {
  HWY_DYNAMIC_DISPATCH(BackwardAnyKernel)(*this, y, row, partial(row));
}

void ConvPool::reduce_backward(std::span<float> dw, std::span<float> db) {
  const std::size_t padded = padded_filters(), size = partial_size();
  for (std::size_t row = 1; row < shape_.rows(); ++row) {
    for (std::size_t i = 0; i < size; ++i) partial_[i] += partial_[row * size + i];
  }
  for (std::size_t f = 0; f < shape_.filters; ++f) {
    for (std::size_t t = 0; t < shape_.taps(); ++t) dw[f * shape_.taps() + t] = partial_[t * padded + f];
    db[f] = partial_[shape_.taps() * padded + f];
  }
}

}  // namespace nn
#endif
