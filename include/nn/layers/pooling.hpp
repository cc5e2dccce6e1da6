// Pooling: an image made smaller, each channel by itself.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "nn/layers/elementwise.hpp"
#include "nn/layers/layer.hpp"

namespace nn {

// Windows of N x N pixels side by side; what is left over at the right and the bottom is dropped.
class Pooling : public Layer {
 public:
  explicit Pooling(std::size_t size_) : size(size_) {}

  std::vector<Field> fields() override { return {{"size", Field::number, &size, 1, 4096}}; }
  Shape output(const Shape& in) override {
    if (!in.is_image())
      throw misfit(in.text() + " numbers", "an image (pooling comes before what makes vectors)");
    if (in.height() < size || in.width() < size) {
      throw misfit("an image of " + in.text(), "at least " + std::to_string(size) + " pixels a side");
    }
    return {in.height() / size, in.width() / size, in.channels()};
  }
  void prepare(const Shape& in) override {
    in_ = in;
    out_ = output(in);
  }
  double flop() const override { return static_cast<double>(out_.size() * size * size); }

  std::size_t size = 2;

 protected:
  // Calls f(place of a pixel's channels in y, place of its window's first pixel's in x) for all pixels of y.
  template <class F>
  void for_windows(std::size_t batch, const Pass& pass, F f) const {
    const std::size_t C = in_.channels();
    for_row_blocks(pass.team, batch, in_.size(), [&](std::size_t first, std::size_t count) {
      for (std::size_t s = first; s < first + count; ++s) {
        std::size_t to = s * out_.size();
        for (std::size_t y = 0; y < out_.height(); ++y) {
          for (std::size_t x = 0; x < out_.width(); ++x, to += C) {
            f(to, s * in_.size() + (y * in_.width() + x) * size * C);
          }
        }
      }
    });
  }
  // dx = 0, if there are pixels in no window.
  void clear_rest(Matrix dx, const Pass& pass) const {
    if (in_.height() % size == 0 && in_.width() % size == 0) return;
    for_row_blocks(pass.team, dx, dx,
                   [](Matrix part, Matrix) { std::fill_n(part.data, part.rows * part.cols, 0.0f); });
  }
  // From a window's first pixel to its i-th, in row order.
  std::size_t pixel(std::size_t i) const { return (i / size * in_.width() + i % size) * in_.channels(); }

  Shape in_{1}, out_{1};
};

// forward: y = the largest of its window      backward: the first pixel with that value has dy, the others 0
class MaxPool : public Pooling {
 public:
  MaxPool() : Pooling(2) {}
  explicit MaxPool(std::size_t size_) : Pooling(size_) {}
  const char* name() const override { return "max-pool"; }
  bool reads_output() const override { return true; }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    const std::size_t C = in_.channels();
    for_windows(x.rows, pass, [&](std::size_t to, std::size_t from) {
      float* const out = y.data + to;
      std::copy_n(x.data + from, C, out);
      for (std::size_t i = 1; i < size * size; ++i) {
        const float* const in = x.data + from + pixel(i);
        for (std::size_t c = 0; c < C; ++c) out[c] = out[c] >= in[c] ? out[c] : in[c];
      }
    });
  }
  void backward(ConstMatrix x, ConstMatrix y, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    if (!dx.data) return;
    const std::size_t C = in_.channels();
    clear_rest(dx, pass);
    for_windows(x.rows, pass, [&](std::size_t to, std::size_t from) {
      thread_local Floats left;  // of dy: nothing once the first of the largest has had it
      left.assign(dy.data + to, dy.data + to + C);
      for (std::size_t i = 0; i < size * size; ++i) {
        const float* const in = x.data + from + pixel(i);
        float* const out = dx.data + from + pixel(i);
        for (std::size_t c = 0; c < C; ++c) {
          out[c] = in[c] == y.data[to + c] ? left[c] : 0.0f;
          left[c] -= out[c];
        }
      }
    });
  }
};

// forward: y = the mean of its window      backward: every pixel of it has dy / N^2
class AvgPool : public Pooling {
 public:
  AvgPool() : Pooling(2) {}
  explicit AvgPool(std::size_t size_) : Pooling(size_) {}
  const char* name() const override { return "avg-pool"; }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    const float share = 1.0f / static_cast<float>(size * size);
    for_windows(x.rows, pass, [&](std::size_t to, std::size_t from) {
      float* const out = y.data + to;
      std::fill_n(out, in_.channels(), 0.0f);
      for (std::size_t i = 0; i < size * size; ++i) {
        for (std::size_t c = 0; c < in_.channels(); ++c) out[c] += share * x.data[from + pixel(i) + c];
      }
    });
  }
  void backward(ConstMatrix x, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    if (!dx.data) return;
    const float share = 1.0f / static_cast<float>(size * size);
    clear_rest(dx, pass);
    for_windows(x.rows, pass, [&](std::size_t to, std::size_t from) {
      for (std::size_t i = 0; i < size * size; ++i) {
        for (std::size_t c = 0; c < in_.channels(); ++c)
          dx.data[from + pixel(i) + c] = share * dy.data[to + c];
      }
    });
  }
};

// The mean over all positions: of the tokens, or of the pixels of an image.
//   forward: y = mean over the positions of x      (P, C) -> (C)      backward: dx = dy / P
class MeanOverPositions : public Layer {
 public:
  explicit MeanOverPositions(bool of_tokens) : of_tokens_(of_tokens) {}

  const char* name() const override { return of_tokens_ ? "mean" : "global-avg-pool"; }
  Shape output(const Shape& in) override {
    if (of_tokens_ ? in.is_tokens() : in.is_image()) return {in.channels()};
    throw misfit(in.text() + " numbers", of_tokens_ ? "tokens, as patches makes them" : "an image");
  }
  void prepare(const Shape& in) override { positions_ = in.positions(); }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    const float share = 1.0f / static_cast<float>(positions_);
    for_row_blocks(pass.team, x, y, [&](ConstMatrix from, Matrix to) {
      for (std::size_t s = 0; s < from.rows; ++s) {
        float* const out = to.data + s * to.cols;
        std::fill_n(out, to.cols, 0.0f);
        for (std::size_t i = 0; i < from.cols; i += to.cols) {
          for (std::size_t c = 0; c < to.cols; ++c) out[c] += from.data[s * from.cols + i + c];
        }
        for (std::size_t c = 0; c < to.cols; ++c) out[c] *= share;
      }
    });
  }
  void backward(ConstMatrix, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    if (!dx.data) return;
    const float share = 1.0f / static_cast<float>(positions_);
    for_row_blocks(pass.team, dx, dy, [&](Matrix to, ConstMatrix from) {
      for (std::size_t s = 0; s < to.rows; ++s) {
        for (std::size_t i = 0; i < to.cols; i += from.cols) {
          for (std::size_t c = 0; c < from.cols; ++c)
            to.data[s * to.cols + i + c] = share * from.data[s * from.cols + c];
        }
      }
    });
  }

 private:
  bool of_tokens_;
  std::size_t positions_ = 1;
};
class Mean : public MeanOverPositions {
 public:
  Mean() : MeanOverPositions(true) {}
};
class GlobalAvgPool : public MeanOverPositions {
 public:
  GlobalAvgPool() : MeanOverPositions(false) {}
};

}  // namespace nn
