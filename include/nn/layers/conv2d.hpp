// Conv2d: the same small dense layer under every pixel.
//
//   y = x w + b, x the K x K x C numbers under a place      (H' W', K K C) (K K C, F) + (F) -> (H' W', F)
//
// Rows of that x overlap, and are never copied: of each place the K C numbers of a row of the kernel lie side
// by side in the image, which has zeros around it, and small_matmul.hpp takes them from there.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "nn/core/small_matmul.hpp"
#include "nn/layers/elementwise.hpp"
#include "nn/layers/layer.hpp"

namespace nn {

class Conv2d : public Layer {
 public:
  Conv2d() = default;
  Conv2d(std::size_t filters_, std::size_t kernel_, std::size_t stride_ = 1, bool valid_ = false)
      : filters(filters_), kernel(kernel_), stride(stride_), valid(valid_) {}

  const char* name() const override { return "conv"; }
  std::vector<Field> fields() override {
    return {{"filters", Field::number, &filters},
            {"kernel", Field::square, &kernel, 1, kMaxKernel},
            {"stride", Field::keyword, &stride, 1, kMaxKernel},
            {"valid", Field::flag, &valid}};
  }

  // Zeros around the image, K - 1 in each direction, keep its size unless it is `valid`.
  Shape output(const Shape& in) override {
    if (!in.is_image())
      throw misfit(in.text() + " numbers", "an image (a conv comes before what makes vectors)");
    const std::size_t needed = valid ? kernel : 1;
    if (in.height() < needed || in.width() < needed) {
      throw misfit("an image of " + in.text(), "at least " + std::to_string(kernel) + " pixels a side");
    }
    return {(in.height() - needed) / stride + 1, (in.width() - needed) / stride + 1, filters};
  }
  void prepare(const Shape& in) override {
    in_ = in;
    out_ = output(in);
    w = declared("weight", {filters, in.channels(), kernel, kernel});
    b = declared("bias", {filters});
  }
  void draw(Init init, SimpleRng& rng) override {
    draw_weights(w, init, in_.channels() * kernel * kernel, filters * kernel * kernel, rng);
  }
  std::vector<Tensor*> tensors() override { return {&w, &b}; }
  double flop() const override { return 2.0 * static_cast<double>(out_.positions() * w.elements()); }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    order_weights();
    const std::size_t row = padded_width() * in_.channels();
    pass.team.parallel_for(x.rows, [&](std::size_t s) {
      const float* const image = padded(x.data + s * x.cols);
      // (H' W', K, K C) (K, K C, F) -> (H' W', F)
      small_matmul({.a = image,
                    .a_row = stride * in_.channels(),
                    .a_outer = row,
                    .a_k = 1,
                    .b = w_.data(),
                    .b_outer = run() * filters,
                    .b_k = filters,
                    .c = y.data + s * y.cols,
                    .c_row = filters,
                    .m = out_.positions(),
                    .n = filters,
                    .outer = kernel,
                    .k = run(),
                    .add = false,
                    .start = b.value.data(),
                    .group = out_.width(),
                    .a_group = stride * row});
    });
  }

  // backward: dw = x under every place^T dy, db = the sum of dy, and dx is a convolution, too: of dy, its
  // rows and columns `stride` apart, with the weights turned around.
  void backward(ConstMatrix x, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    // Blocks of samples add up gradients of their own, which are then added in their order.
    const std::size_t blocks = std::min<std::size_t>(x.rows, 8), size = w.value.size();
    dw_.assign(blocks * size, 0.0f);
    if (dx.data) turn_weights();
    pass.team.parallel_for(blocks, [&](std::size_t block) {
      for (std::size_t s = x.rows * block / blocks; s < x.rows * (block + 1) / blocks; ++s) {
        add_weight_gradient(x.data + s * x.cols, dy.data + s * dy.cols, &dw_[block * size]);
        if (dx.data) input_gradient(dy.data + s * dy.cols, dx.data + s * dx.cols);
      }
    });
    for (std::size_t block = 1; block < blocks; ++block) {
      for (std::size_t i = 0; i < size; ++i) dw_[i] += dw_[block * size + i];
    }
    for_weights([&](std::size_t file, std::size_t place, std::size_t c, std::size_t f) {
      w.grad[file] = dw_[(place * in_.channels() + c) * filters + f];
    });
    column_sums(by_position(dy, filters), b.grad, pass.team);
  }

  // Zeros before the first row and the first column.
  std::size_t padding() const { return valid ? 0 : (kernel - 1) / 2; }
  const Shape& input() const { return in_; }

  std::size_t filters = 0, kernel = 3, stride = 1;  // F, K
  bool valid = false;
  Tensor w, b;  // (F, C, K, K), (F)

 private:
  std::size_t run() const { return kernel * in_.channels(); }  // numbers side by side under a place
  std::size_t padded_height() const { return in_.height() + (valid ? 0 : kernel - 1); }
  std::size_t padded_width() const { return in_.width() + (valid ? 0 : kernel - 1); }

  // Calls f(i, place in the kernel, channel, filter) for all weights i, which files have as (F, C, K, K).
  template <class F>
  void for_weights(F f) const {
    const std::size_t places = kernel * kernel;
    for (std::size_t i = 0; i < filters * in_.channels() * places; ++i) {
      f(i, i % places, i / places % in_.channels(), i / places / in_.channels());
    }
  }
  // w_: (K, K, C, F), as forward takes them
  void order_weights() {
    w_.resize(w.value.size());
    for_weights([&](std::size_t file, std::size_t place, std::size_t c, std::size_t f) {
      w_[(place * in_.channels() + c) * filters + f] = w.value[file];
    });
  }
  // w_turned_: (K, K, F, C), the last place first
  void turn_weights() {
    w_turned_.resize(w.value.size());
    const std::size_t last = kernel * kernel - 1;
    for_weights([&](std::size_t file, std::size_t place, std::size_t c, std::size_t f) {
      w_turned_[((last - place) * filters + f) * in_.channels() + c] = w.value[file];
    });
  }

  // The image with zeros around it, in the calling thread's memory.
  const float* padded(const float* x) const {
    if (valid || kernel == 1) return x;
    thread_local Floats memory;
    return spread(x, in_.height(), in_.width(), in_.channels(), padding(), 1, padded_height(), padded_width(),
                  memory);
  }
  // An image's pixels `step` apart from (first, first) on in a larger one of zeros.
  static const float* spread(const float* x, std::size_t height, std::size_t width, std::size_t channels,
                             std::size_t first, std::size_t step, std::size_t into_height,
                             std::size_t into_width, Floats& memory) {
    memory.assign(into_height * into_width * channels, 0.0f);
    for (std::size_t r = 0; r < height; ++r) {
      float* const to = &memory[((first + r * step) * into_width + first) * channels];
      const float* const from = x + r * width * channels;
      if (step == 1) {
        std::copy_n(from, width * channels, to);
      } else {
        for (std::size_t c = 0; c < width; ++c)
          std::copy_n(from + c * channels, channels, to + c * step * channels);
      }
    }
    return memory.data();
  }

  // dw (K, K, C, F) += of one sample: a place's row of K C numbers times its row of dy, all places
  void add_weight_gradient(const float* x, const float* dy, float* dw) const {
    const float* const image = padded(x);
    const std::size_t row = padded_width() * in_.channels();
    for (std::size_t ky = 0; ky < kernel; ++ky) {
      // (K C, H', W') (H', W', F) -> (K C, F)
      small_matmul({.a = image + ky * row,
                    .a_row = 1,
                    .a_outer = stride * row,
                    .a_k = stride * in_.channels(),
                    .b = dy,
                    .b_outer = out_.width() * filters,
                    .b_k = filters,
                    .c = dw + ky * run() * filters,
                    .c_row = filters,
                    .m = run(),
                    .n = filters,
                    .outer = out_.height(),
                    .k = out_.width(),
                    .add = true});
    }
  }
  // dx of one sample, overwritten
  void input_gradient(const float* dy, float* dx) const {
    thread_local Floats memory;
    const std::size_t height = in_.height() + kernel - 1, width = in_.width() + kernel - 1;
    const float* const image = spread(dy, out_.height(), out_.width(), filters, kernel - 1 - padding(),
                                      stride, height, width, memory);
    // (H W, K, K F) (K, K F, C) -> (H W, C)
    small_matmul({.a = image,
                  .a_row = filters,
                  .a_outer = width * filters,
                  .a_k = 1,
                  .b = w_turned_.data(),
                  .b_outer = kernel * filters * in_.channels(),
                  .b_k = in_.channels(),
                  .c = dx,
                  .c_row = in_.channels(),
                  .m = in_.positions(),
                  .n = in_.channels(),
                  .outer = kernel,
                  .k = kernel * filters,
                  .add = false,
                  .group = in_.width(),
                  .a_group = width * filters});
  }

  Shape in_{1}, out_{1};
  Floats w_, w_turned_;  // (K, K, C, F), (K, K, F, C)
  Floats dw_;            // (blocks, K, K, C, F)
};

}  // namespace nn
