// The kernel of nn/data/augment.hpp, and what is drawn for it.
//
// The four neighbours that a bilinear sample mixes are first packed, as bytes, into one word for every place
// in the image: so a vector of pixels takes one gather, not four. All is integer arithmetic, exact in every
// instruction set: coordinates in 2^-20 pixels, weights in 2^-15.
//
// Displacements come from two large fields, one for each axis, made once: every image sees them through
// windows at random places, 160^4 pairs of them.
//
// Measured on a Zen 4 core, microseconds for 28 x 28 pixels with everything on: 1.07 with AVX-512, 1.20 with
// AVX2, 1.6 with SSE4; without displacements 0.93. No gain: AVX-512 with half vectors, whose gathers cost
// less.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/augment.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>

#include "nn/core/rng.hpp"
#include "nn/data/augment.hpp"

HWY_BEFORE_NAMESPACE();
namespace nn::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr int kFraction = 20;  // bits of a coordinate below the point
constexpr std::int32_t kPixel = 1 << kFraction;

inline std::int32_t fixed(double pixels) {
  return static_cast<std::int32_t>(std::lround(pixels * kPixel));
}

// quads (rows + 2, cols + 2): the pixels (r-1, c-1), (r-1, c), (r, c-1), (r, c) from the lowest byte up,
// those outside 0. Counted from there, every coordinate in 0 .. cols + 1 has its four neighbours.
HWY_ATTR const std::uint32_t* PackQuads(const std::uint8_t* in, std::size_t rows, std::size_t cols) {
  thread_local std::vector<std::uint8_t> bordered;
  thread_local std::vector<std::uint32_t> quads;
  const hn::ScalableTag<std::uint32_t> d;
  const hn::Rebind<std::uint8_t, decltype(d)> d8;
  const std::size_t stride = cols + 3, quad_cols = cols + 2;
  bordered.assign((rows + 3) * stride + Augmenter::kReadAhead, 0);
  quads.resize((rows + 2) * quad_cols + Augmenter::kReadAhead);
  for (std::size_t r = 0; r < rows; ++r) std::copy_n(in + r * cols, cols, &bordered[(r + 1) * stride + 1]);
  const auto pair = [&](const std::uint8_t* at) HWY_ATTR {
    return hn::Or(hn::PromoteTo(d, hn::LoadU(d8, at)),
                  hn::ShiftLeft<8>(hn::PromoteTo(d, hn::LoadU(d8, at + 1))));
  };
  for (std::size_t r = 0; r < rows + 2; ++r) {  // what spills over a row's end, the next row overwrites
    for (std::size_t c = 0; c < quad_cols; c += hn::Lanes(d)) {
      const std::uint8_t* above = &bordered[r * stride + c];
      hn::StoreU(hn::Or(pair(above), hn::ShiftLeft<16>(pair(above + stride))), d, &quads[r * quad_cols + c]);
    }
  }
  return quads.data();
}

// The grey at (x, y), fixed-point coordinates in the quads.
template <class D, class V = hn::Vec<D>>
HWY_ATTR HWY_INLINE V Sample(D d, const std::uint32_t* quads, std::size_t stride, V x, V y) {
  const hn::RebindToUnsigned<D> du;
  const V index =
      hn::Add(hn::Mul(hn::ShiftRight<kFraction>(y), hn::Set(d, static_cast<std::int32_t>(stride))),
              hn::ShiftRight<kFraction>(x));
  const auto quad = hn::GatherIndex(du, quads, index);
  const auto lowest_byte = [&](auto word) HWY_ATTR {  //
    return hn::BitCast(d, hn::And(word, hn::Set(du, 255u)));
  };
  const V left_above = lowest_byte(quad), right_above = lowest_byte(hn::ShiftRight<8>(quad));
  const V left_below = lowest_byte(hn::ShiftRight<16>(quad));
  const V right_below = hn::BitCast(d, hn::ShiftRight<24>(quad));
  const auto weight = [&](V at) HWY_ATTR {  // 15 bits
    return hn::ShiftRight<kFraction - 15>(hn::And(at, hn::Set(d, kPixel - 1)));
  };
  const V right = weight(x), below = weight(y);
  const auto mix = [&](V l, V r) HWY_ATTR {  // 8 bits above the point, 7 below: the next product must fit
    return hn::Add(hn::ShiftLeft<7>(l), hn::ShiftRight<8>(hn::Mul(hn::Sub(r, l), right)));
  };
  const V upper = mix(left_above, right_above), lower = mix(left_below, right_below);
  const V grey = hn::Add(hn::ShiftLeft<15>(upper), hn::Mul(hn::Sub(lower, upper), below));
  return hn::ShiftRight<22>(hn::Add(grey, hn::Set(d, 1 << 21)));
}

// displacement_x, displacement_y: the image's windows, or null.
HWY_ATTR void WarpImage(const Warp& w, const std::int16_t* displacement_x, const std::int16_t* displacement_y,
                        std::size_t displacement_stride, std::size_t rows, std::size_t cols,
                        const std::uint8_t* in, std::uint8_t* out) {
  const hn::ScalableTag<std::int32_t> d;
  const hn::Rebind<std::int16_t, decltype(d)> d16;
  const hn::Rebind<std::uint8_t, decltype(d)> d8;
  using V = hn::Vec<decltype(d)>;
  const std::size_t lanes = hn::Lanes(d);
  const std::uint32_t* quads = PackQuads(in, rows, cols);
  const auto displaced = [&](V at, const std::int16_t* displacement) HWY_ATTR {
    return hn::Add(at, hn::ShiftLeft<kFraction - Augmenter::kDisplacementFraction>(
                           hn::PromoteTo(d, hn::LoadU(d16, displacement))));
  };
  const auto inside = [&](V at, std::size_t side) HWY_ATTR {
    const V end = hn::Set(d, static_cast<std::int32_t>(side + 1) * kPixel);
    return hn::Min(hn::Max(at, hn::Zero(d)), end);
  };
  const V per_x_x = hn::Set(d, fixed(w.per_x.x)), per_x_y = hn::Set(d, fixed(w.per_x.y));
  const V per_y_x = hn::Set(d, fixed(w.per_y.x)), per_y_y = hn::Set(d, fixed(w.per_y.y));

  const V columns = hn::Iota(d, 0), step = hn::Set(d, static_cast<std::int32_t>(lanes));
  V row_x = hn::Add(hn::Set(d, fixed(w.origin.x + 1)), hn::Mul(columns, per_x_x));  // + 1: the quads' border
  V row_y = hn::Add(hn::Set(d, fixed(w.origin.y + 1)), hn::Mul(columns, per_x_y));
  std::uint8_t line[Augmenter::kLargestSide + Augmenter::kReadAhead];
  for (std::size_t r = 0; r < rows; ++r) {
    V x = row_x, y = row_y;
    for (std::size_t c = 0; c < cols; c += lanes) {
      V from_x = x, from_y = y;
      if (displacement_x != nullptr) {
        from_x = displaced(x, displacement_x + r * displacement_stride + c);
        from_y = displaced(y, displacement_y + r * displacement_stride + c);
      }
      const V grey = Sample(d, quads, cols + 2, inside(from_x, cols), inside(from_y, rows));
      hn::StoreU(hn::DemoteTo(d8, grey), d8, line + c);
      x = hn::Add(x, hn::Mul(step, per_x_x));
      y = hn::Add(y, hn::Mul(step, per_x_y));
    }
    row_x = hn::Add(row_x, per_y_x);
    row_y = hn::Add(row_y, per_y_y);
    std::copy_n(line, cols, out + r * cols);
  }
}

}  // namespace nn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nn {

HWY_EXPORT(WarpImage);

namespace {

constexpr std::size_t kPlaces = 160;  // of a window, along each axis
constexpr double kDisplacementUnit = 1.0 / (1 << Augmenter::kDisplacementFraction);  // pixels

// Hashes of a counter, which starts again for every key: no state to carry from image to image.
class Draws {
 public:
  Draws(std::uint64_t seed, std::uint64_t key) : state_(item_seed(seed, key)) {}

  double within(double limit) {  // uniform in [-limit, limit)
    return (static_cast<double>(next() >> 11) * 0x1p-52 - 1.0) * limit;
  }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }

 private:
  std::uint64_t next() { return mix_bits(state_++); }
  std::uint64_t state_;
};

// out (cols, rows) = the transpose of in (rows, cols), each row blurred, as if its ends met. Twice, and both
// axes are.
std::vector<double> blur_and_transpose(const std::vector<double>& in, std::size_t rows, std::size_t cols,
                                       double sigma) {
  const auto radius = static_cast<std::size_t>(std::ceil(3.5 * sigma));
  std::vector<double> weights;  // of neighbours 0 .. radius away
  double sum = 0;
  for (std::size_t i = 0; i <= radius; ++i) {
    const double distance = static_cast<double>(i) / sigma;
    weights.push_back(std::exp(-0.5 * distance * distance));
    sum += (i == 0 ? 1 : 2) * weights.back();
  }
  std::vector<double> out(in.size()), ring(cols + 2 * radius);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < ring.size(); ++i) ring[i] = in[r * cols + (i + cols - radius) % cols];
    for (std::size_t c = 0; c < cols; ++c) {
      const double* here = &ring[c + radius];
      double blurred = weights[0] * *here;
      for (std::size_t i = 1; i <= radius; ++i) blurred += weights[i] * (*(here - i) + here[i]);
      out[c * rows + r] = blurred / sum;
    }
  }
  return out;
}

std::vector<std::int16_t> smooth_field(const AugmentOptions& options, std::size_t rows, std::size_t cols,
                                       SimpleRng& rng) {
  std::vector<double> noise(rows * cols);
  for (double& n : noise) n = rng.range(-1.0, 1.0);
  noise = blur_and_transpose(noise, rows, cols, options.elastic_sigma);
  noise = blur_and_transpose(noise, cols, rows, options.elastic_sigma);
  std::vector<std::int16_t> field(noise.size() + Augmenter::kReadAhead);
  std::ranges::transform(noise, field.begin(), [&](double n) {
    return static_cast<std::int16_t>(
        std::clamp(std::round(n * options.elastic_alpha / kDisplacementUnit), -32767.0, 32767.0));
  });
  return field;
}

}  // namespace

Augmenter::Augmenter(const AugmentOptions& options, std::size_t rows, std::size_t cols, std::uint64_t seed)
    : options_(options), rows_(rows), cols_(cols), seed_(seed) {
  if (!options.any()) return;
  if (rows > kLargestSide || cols > kLargestSide) {
    throw Error("--augment", "images of " + std::to_string(rows) + " x " + std::to_string(cols) +
                                 " pixels, expected at most 256 x 256");
  }
  if (options.elastic_alpha == 0) return;
  SimpleRng rng(seed);
  displacement_cols_ = cols + kPlaces;
  for (auto& displacements : displacements_)
    displacements = smooth_field(options, rows + kPlaces, displacement_cols_, rng);
}

// Forward, a pixel at p from the centre goes to shift + turn shear scale p, so its grey comes, in reverse,
// from
//   1/scale_x     0        1  -shear      cosine  sine
//      0       1/scale_y   0     1        -sine  cosine     times (p - shift).
Warp Augmenter::warp(std::uint64_t key) const {
  Draws draws(seed_, key);
  const double shift_x = draws.within(options_.shift), shift_y = draws.within(options_.shift);
  const double scale_x = 1 + draws.within(options_.scale), scale_y = 1 + draws.within(options_.scale);
  const double shear = draws.within(options_.shear);
  const double angle = draws.within(options_.rotate) * (std::numbers::pi / 180);
  const double cosine = std::cos(angle), sine = std::sin(angle);
  Warp w{};
  w.per_x = {(cosine + shear * sine) / scale_x, -sine / scale_y};
  w.per_y = {(sine - shear * cosine) / scale_x, cosine / scale_y};
  const double centre_x = 0.5 * static_cast<double>(cols_ - 1);
  const double centre_y = 0.5 * static_cast<double>(rows_ - 1);
  const double x = centre_x + shift_x, y = centre_y + shift_y;  // where the centre goes
  w.origin = {centre_x - x * w.per_x.x - y * w.per_y.x, centre_y - x * w.per_x.y - y * w.per_y.y};
  for (std::size_t& start : w.displacement_start) {
    const std::size_t row = draws.below(kPlaces);
    start = row * displacement_cols_ + draws.below(kPlaces);
  }
  return w;
}

double Augmenter::displacement(const Warp& w, std::size_t axis, std::size_t row, std::size_t col) const {
  if (displacements_[axis].empty()) return 0;
  return displacements_[axis][w.displacement_start[axis] + row * displacement_cols_ + col] *
         kDisplacementUnit;
}

void Augmenter::apply(std::span<const std::uint8_t> in, std::uint64_t key,
                      std::span<std::uint8_t> out) const {
  assert(in.size() == rows_ * cols_ && out.size() == in.size());
  if (!options_.any()) {
    std::ranges::copy(in, out.begin());
    return;
  }
  const Warp w = warp(key);
  const auto window = [&](std::size_t axis) {
    return displacements_[axis].empty() ? nullptr : &displacements_[axis][w.displacement_start[axis]];
  };
  HWY_DYNAMIC_DISPATCH(WarpImage)
  (w, window(0), window(1), displacement_cols_, rows_, cols_, in.data(), out.data());
}

}  // namespace nn
#endif
