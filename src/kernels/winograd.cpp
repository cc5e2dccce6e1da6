// The kernels of nn/fusions/winograd_conv.hpp. Lanes are channels.
//
// Compiled for every instruction set that can be met; the best one is chosen at run time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/winograd.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/vectors.hpp"
#include "nn/fusions/winograd_conv.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// v[4 i + j] = (B^T d B)[i][j]      B^T = (1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1)
HWY_ATTR void Image(const WinogradTiles& t, const float* image, std::size_t row, float* v) {
  const std::size_t C = t.channels, plane = t.count * C;
  for (std::size_t tile = 0; tile < t.count; ++tile) {
    const float* corner =
        image + (t.first + tile) / t.columns * 2 * row + (t.first + tile) % t.columns * 2 * C;
    for_vectors(C, [&](auto d, std::size_t c) HWY_ATTR {
      using V = hn::Vec<decltype(d)>;
      V half[4][4];  // B^T d
#pragma GCC unroll 4
      for (std::size_t j = 0; j < 4; ++j) {
        const float* at = corner + j * C + c;
        const V d0 = hn::LoadU(d, at), d1 = hn::LoadU(d, at + row), d2 = hn::LoadU(d, at + 2 * row),
                d3 = hn::LoadU(d, at + 3 * row);
        half[0][j] = hn::Sub(d0, d2);
        half[1][j] = hn::Add(d1, d2);
        half[2][j] = hn::Sub(d2, d1);
        half[3][j] = hn::Sub(d1, d3);
      }
      float* const out = v + tile * C + c;
#pragma GCC unroll 4
      for (std::size_t i = 0; i < 4; ++i) {
        hn::StoreU(hn::Sub(half[i][0], half[i][2]), d, out + (4 * i + 0) * plane);
        hn::StoreU(hn::Add(half[i][1], half[i][2]), d, out + (4 * i + 1) * plane);
        hn::StoreU(hn::Sub(half[i][2], half[i][1]), d, out + (4 * i + 2) * plane);
        hn::StoreU(hn::Sub(half[i][1], half[i][3]), d, out + (4 * i + 3) * plane);
      }
    });
  }
}

// y = A^T m A + b      A^T = (1 1 1 0; 0 1 -1 -1)
HWY_ATTR void Result(const WinogradTiles& t, const float* m, const float* b, std::size_t height,
                     std::size_t width, float* y) {
  const std::size_t F = t.channels, plane = t.count * F;
  for (std::size_t tile = 0; tile < t.count; ++tile) {
    const std::size_t top = (t.first + tile) / t.columns * 2, left = (t.first + tile) % t.columns * 2;
    float* const corner = y + (top * width + left) * F;
    const bool has_right = left + 1 < width, has_bottom = top + 1 < height;
    for_vectors(F, [&](auto d, std::size_t c) HWY_ATTR {
      using V = hn::Vec<decltype(d)>;
      const float* const in = m + tile * F + c;
      V top_half[4], bottom_half[4];  // A^T m
#pragma GCC unroll 4
      for (std::size_t j = 0; j < 4; ++j) {
        const V m0 = hn::LoadU(d, in + j * plane), m1 = hn::LoadU(d, in + (4 + j) * plane);
        const V m2 = hn::LoadU(d, in + (8 + j) * plane), m3 = hn::LoadU(d, in + (12 + j) * plane);
        top_half[j] = hn::Add(hn::Add(m0, m1), m2);
        bottom_half[j] = hn::Sub(hn::Sub(m1, m2), m3);
      }
      const V bias = b == nullptr ? hn::Zero(d) : hn::LoadU(d, b + c);
      const auto left_of = [&](const V* h)
                               HWY_ATTR { return hn::Add(hn::Add(h[0], h[1]), hn::Add(h[2], bias)); };
      const auto right_of = [&](const V* h)
                                HWY_ATTR { return hn::Add(hn::Sub(h[1], h[2]), hn::Sub(bias, h[3])); };
      hn::StoreU(left_of(top_half), d, corner + c);
      if (has_right) hn::StoreU(right_of(top_half), d, corner + F + c);
      if (has_bottom) hn::StoreU(left_of(bottom_half), d, corner + width * F + c);
      if (has_right && has_bottom) hn::StoreU(right_of(bottom_half), d, corner + (width + 1) * F + c);
    });
  }
}

// z = A dy A^T
HWY_ATTR void Gradient(const WinogradTiles& t, const float* dy, std::size_t height, std::size_t width,
                       float* z) {
  const std::size_t F = t.channels, plane = t.count * F;
  for (std::size_t tile = 0; tile < t.count; ++tile) {
    const std::size_t top = (t.first + tile) / t.columns * 2, left = (t.first + tile) % t.columns * 2;
    const float* const corner = dy + (top * width + left) * F;
    const bool has_right = left + 1 < width, has_bottom = top + 1 < height;
    for_vectors(F, [&](auto d, std::size_t c) HWY_ATTR {
      using V = hn::Vec<decltype(d)>;
      const V zero = hn::Zero(d), g00 = hn::LoadU(d, corner + c);
      const V g01 = has_right ? hn::LoadU(d, corner + F + c) : zero;
      const V g10 = has_bottom ? hn::LoadU(d, corner + width * F + c) : zero;
      const V g11 = has_right && has_bottom ? hn::LoadU(d, corner + (width + 1) * F + c) : zero;
      // A dy, a row of four for each column of dy
      const V l[4] = {g00, hn::Add(g00, g10), hn::Sub(g00, g10), hn::Neg(g10)};
      const V r[4] = {g01, hn::Add(g01, g11), hn::Sub(g01, g11), hn::Neg(g11)};
      float* const out = z + tile * F + c;
#pragma GCC unroll 4
      for (std::size_t i = 0; i < 4; ++i) {
        hn::StoreU(l[i], d, out + (4 * i + 0) * plane);
        hn::StoreU(hn::Add(l[i], r[i]), d, out + (4 * i + 1) * plane);
        hn::StoreU(hn::Sub(l[i], r[i]), d, out + (4 * i + 2) * plane);
        hn::StoreU(hn::Neg(r[i]), d, out + (4 * i + 3) * plane);
      }
    });
  }
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(Image);
HWY_EXPORT(Result);
HWY_EXPORT(Gradient);

void winograd_image(const WinogradTiles& tiles, const float* image, std::size_t row, float* v) {
  HWY_DYNAMIC_DISPATCH(Image)(tiles, image, row, v);
}

void winograd_result(const WinogradTiles& tiles, const float* m, const float* b, std::size_t height,
                     std::size_t width, float* y) {
  HWY_DYNAMIC_DISPATCH(Result)(tiles, m, b, height, width, y);
}

void winograd_gradient(const WinogradTiles& tiles, const float* dy, std::size_t height, std::size_t width,
                       float* z) {
  HWY_DYNAMIC_DISPATCH(Gradient)(tiles, dy, height, width, z);
}

}  // namespace nn
#endif
