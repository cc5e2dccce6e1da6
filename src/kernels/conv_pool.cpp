// The kernels of nn/layers/conv_pool.hpp.
//
// Lanes are filters. A pixel of the patch under a pooled position is broadcast and multiplied into all of the
// up to four outputs that it belongs to, with the filters' weights held in registers: 16 loads for the 36
// products of a 3 x 3 kernel, and the maximum of the four needs no shuffle. Backward is the same loop with
// the weights' gradient in the registers and dy masked to the output that won.
//
// Lanes that are neighbouring positions would have to compute all of them. Lanes that are filters can skip
// the positions without ink, which makes an epoch of mnist_cnn 1.8 times as fast.
//
// Compiled for every instruction set that can be met; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv_pool.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "nn/layers/conv_pool.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Filters = hn::CappedTag<float, PooledMap::kFilterGroup>;

// Lists the positions of a sample whose patch has ink. Without a branch on the ink: nobody could predict it.
template <int K>
HWY_ATTR void ListInk(const ConvPool& conv, const std::uint8_t* bytes, std::size_t s, PooledMap& y) {
  constexpr std::size_t kUnit = ConvPool::kRowUnit;
  const hn::CappedTag<std::uint8_t, kUnit> d;
  const std::size_t columns = y.columns(), stride = conv.stride();
  y.list_inked_positions(s, [&](std::size_t row, auto add_if) HWY_ATTR {
    for (std::size_t unit = 0; unit < stride; unit += kUnit) {
      std::uint8_t inked[kUnit];  // not 0: the patch that begins in this column of the unit has ink
      for (std::size_t part = 0; part < kUnit; part += hn::Lanes(d)) {
        auto any = hn::Zero(d);
        for (std::size_t r = 0; r <= K; ++r) {
          for (std::size_t c = 0; c <= K; ++c) {
            any = hn::Or(any, hn::LoadU(d, bytes + (2 * row + r) * stride + unit + part + c));
          }
        }
        hn::StoreU(any, d, inked + part);
      }
      for (std::size_t column = unit / 2; column < std::min(columns, (unit + kUnit) / 2); ++column) {
        add_if(inked[2 * column - unit] != 0, row * columns + column);
      }
    }
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
HWY_ATTR void Forward(ConvPool& conv, std::size_t s, PooledMap& y) {
  ListInk<K>(conv, conv.bytes(s), s, y);
  const Filters d;
  const std::size_t padded = y.padded_filters(), stride = conv.stride();
  const std::size_t* patches = conv.patches();
  const float* pixels = conv.pixels(s);
  const auto positions = y.inked_positions(s);
  for (std::size_t f = 0; f < padded; f += hn::Lanes(d)) {
    float *inks = y.ink(s, 0) + f, *winners = conv.winners(s, 0) + f;
    hn::Vec<Filters> w[K * K];
#pragma GCC unroll 49
    for (std::size_t t = 0; t < K * K; ++t) w[t] = hn::LoadU(d, conv.weights() + t * padded + f);
    const auto bias = hn::LoadU(d, conv.bias() + f), blank = hn::LoadU(d, y.blank.data() + f);
    for (const std::size_t p : positions) {
      const float* patch = pixels + patches[p];
      hn::Vec<Filters> out[4] = {bias, bias, bias, bias};
#pragma GCC unroll 8
      for (int r = 0; r <= K; ++r, patch += stride) {
#pragma GCC unroll 8
        for (int c = 0; c <= K; ++c) {
          const auto pixel = hn::Set(d, patch[c]);
          for_taps_of_pixel<K>(r, c,
                               [&](int o, int t) HWY_ATTR { out[o] = hn::MulAdd(pixel, w[t], out[o]); });
        }
      }
      auto largest = hn::Zero(d), winner = hn::Set(d, -1.0f);
#pragma GCC unroll 4
      for (int o = 0; o < 4; ++o) {
        winner = hn::IfThenElse(hn::Gt(out[o], largest), hn::Set(d, static_cast<float>(o)), winner);
        largest = hn::Max(out[o], largest);
      }
      hn::StoreU(hn::Sub(largest, blank), d, inks + p * padded);
      hn::StoreU(winner, d, winners + p * padded);
    }
  }
}

template <int K>
HWY_ATTR void Backward(const ConvPool& conv, const PooledMap& y, std::size_t row, float* share) {
  const Filters d;
  const std::size_t padded = y.padded_filters(), sample_stride = y.sample_stride(), stride = conv.stride();
  const std::size_t padded_image = conv.padded_image();
  for (std::size_t f = 0; f < padded; f += hn::Lanes(d)) {
    hn::Vec<Filters> dw[K * K], db = hn::Zero(d);
#pragma GCC unroll 49
    for (int t = 0; t < K * K; ++t) dw[t] = hn::Zero(d);
    const auto blank_passes = hn::Gt(hn::LoadU(d, y.blank.data() + f), hn::Zero(d));
    for (std::size_t p = row * y.columns(); p < (row + 1) * y.columns(); ++p) {
      const float *pixels = conv.pixels(0) + conv.patches()[p], *dinks = y.dink(0, p) + f;
      const float* winners = conv.winners(0, p) + f;
      for (const std::size_t s : y.inked_samples(p)) {
        const float* patch = pixels + s * padded_image;
        const auto dy = hn::LoadU(d, dinks + s * sample_stride),
                   winner = hn::LoadU(d, winners + s * sample_stride);
        hn::Vec<Filters> dout[4];
#pragma GCC unroll 4
        for (int o = 0; o < 4; ++o) {
          dout[o] = hn::IfThenElseZero(hn::Eq(winner, hn::Set(d, static_cast<float>(o))), dy);
        }
        // ink = max(out, 0) - max(b, 0)
        db = hn::Add(db, hn::IfThenElseZero(hn::Ge(winner, hn::Zero(d)), dy));
        db = hn::Sub(db, hn::IfThenElseZero(blank_passes, dy));
#pragma GCC unroll 8
        for (int r = 0; r <= K; ++r, patch += stride) {
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
    for (std::size_t t = 0; t < K * K; ++t) hn::StoreU(dw[t], d, share + t * padded + f);
    hn::StoreU(db, d, share + K * K * padded + f);
  }
}

HWY_ATTR void ForwardAnyKernel(ConvPool& conv, std::span<const std::uint8_t> image, std::size_t s,
                               PooledMap& y) {
  const ConvPoolShape& shape = conv.shape();
  const std::size_t pad = shape.kernel / 2;
  std::uint8_t* bytes = conv.bytes(s);
  for (std::size_t r = 0; r < shape.height; ++r) {
    std::memcpy(bytes + (r + pad) * conv.stride() + pad, &image[r * shape.width], shape.width);
  }
  float* pixels = conv.pixels(s);
  for (std::size_t i = 0; i < conv.padded_image(); ++i)
    pixels[i] = static_cast<float>(bytes[i]) * (1.0f / 255.0f);
  if (shape.kernel == 3) Forward<3>(conv, s, y);
  if (shape.kernel == 5) Forward<5>(conv, s, y);
  if (shape.kernel == 7) Forward<7>(conv, s, y);
}

HWY_ATTR void BackwardAnyKernel(const ConvPool& conv, const PooledMap& y, std::size_t row, float* share) {
  if (conv.shape().kernel == 3) Backward<3>(conv, y, row, share);
  if (conv.shape().kernel == 5) Backward<5>(conv, y, row, share);
  if (conv.shape().kernel == 7) Backward<7>(conv, y, row, share);
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(ForwardAnyKernel);
HWY_EXPORT(BackwardAnyKernel);

ConvPool::ConvPool(const ConvPoolShape& shape)
    : shape_(shape),
      stride_((2 * shape.columns() + shape.kernel - 1 + kRowUnit - 1) / kRowUnit * kRowUnit),
      shares_() {
  assert(shape.kernel % 2 == 1 && shape.kernel >= 3 && shape.kernel <= 7);
  assert(shape.height >= 2 && shape.width >= 2 && shape.filters >= 1);
  const std::size_t padded = PooledMap(1, 1, shape.filters).padded_filters();
  weights_.resize(shape.taps() * padded);
  bias_.resize(padded);
  shares_.resize(shape.rows() * (shape.taps() + 1) * padded);
  for (std::size_t p = 0; p < shape.rows() * shape.columns(); ++p) {
    patches_.push_back(2 * (p / shape.columns()) * stride_ + 2 * (p % shape.columns()));
  }
}

void ConvPool::reserve(std::size_t samples) {
  bytes_.assign(samples * padded_image() + 2 * kRowUnit, 0);  // FindInk reads past the last row
  pixels_.resize(samples * padded_image());
  winners_.resize(samples * patches_.size() * padded_filters());
}

void ConvPool::load_weights(std::span<const float> w, std::span<const float> b, PooledMap& y) {
  assert(w.size() == shape_.filters * shape_.taps() && b.size() == shape_.filters);
  for (std::size_t f = 0; f < shape_.filters; ++f) {
    for (std::size_t t = 0; t < shape_.taps(); ++t)
      weights_[t * padded_filters() + f] = w[f * shape_.taps() + t];
    bias_[f] = b[f];
    y.blank[f] = b[f] > 0.0f ? b[f] : 0.0f;
  }
}

void ConvPool::forward(std::span<const std::uint8_t> image, std::size_t sample, PooledMap& y) {
  assert(image.size() == shape_.height * shape_.width && y.filters() == shape_.filters);
  HWY_DYNAMIC_DISPATCH(ForwardAnyKernel)(*this, image, sample, y);
}

void ConvPool::backward_row(const PooledMap& y, std::size_t row) {
  HWY_DYNAMIC_DISPATCH(BackwardAnyKernel)(*this, y, row, share(row));
}

void ConvPool::finish_backward(const PooledMap& y, std::span<float> dw, std::span<float> db) {
  const std::size_t padded = padded_filters(), size = (shape_.taps() + 1) * padded;
  for (std::size_t row = 1; row < shape_.rows(); ++row) {
    for (std::size_t i = 0; i < size; ++i) shares_[i] += shares_[row * size + i];
  }
  for (std::size_t f = 0; f < shape_.filters; ++f) {
    for (std::size_t t = 0; t < shape_.taps(); ++t) dw[f * shape_.taps() + t] = shares_[t * padded + f];
    db[f] = shares_[shape_.taps() * padded + f] + (y.blank[f] > 0.0f ? y.dblank[f] : 0.0f);
  }
}

}  // namespace nn
#endif
