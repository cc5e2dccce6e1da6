// patches + position + ReLU + attention + dense + ReLU + dense + mean, the first layers of a network.
//
//   token x = ReLU(patch Wp + bp + pos)                                                    (S, D)
//   p = softmax(q k^T / sqrt(D / H)), a = p v, each of H heads its own columns             (S, S), (S, D)
//   hidden = ReLU(a W1 + b1), y = mean over the tokens of hidden W2 + b2                   (S, F), (O)
//
// With the default sizes that is 5.3 million multiply-adds a sample and step; it is done with 2.1 million:
// - Empty patches are the same token in every image: non_empty_patches.hpp.
// - The mean over the tokens is taken before W2: it commutes with a linear layer.
// - With few heads, two products become one, once a batch. a W1 = p (v W1), so v and W1 become x (Wv W1); and
//   q k^T is (x Wq Wk^T + bq Wk^T) x^T plus what is the same for a whole row, which softmax ignores: bk has
//   no effect and no gradient. A token goes through one product with W (D, H (D + F)), to u | v of every
//   head, and attention makes hidden itself. Every further head costs as much again, and soon more than the
//   three products.
//
// A thread takes a block of samples through all of forward, or all of backward, in its cache. Blocks add up
// gradients of their own, which are then added in the blocks' order.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "nn/core/matmul.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/tensor.hpp"
#include "nn/fusions/combined_weights.hpp"
#include "nn/fusions/fusion.hpp"
#include "nn/fusions/non_empty_patches.hpp"
#include "nn/layers/activation.hpp"
#include "nn/layers/attention.hpp"
#include "nn/layers/dense.hpp"
#include "nn/layers/patches.hpp"
#include "nn/layers/pooling.hpp"
#include "nn/layers/position.hpp"

namespace nn {

// forward: h = max(h, 0), in place; mean = mean of the rows of h      (S, F) -> (F)
void relu_mean(Matrix h, std::span<float> mean);

// backward: dh = dmean / S where h > 0, else 0, overwritten; h is forward's result
void relu_mean_backward(ConstMatrix h, std::span<const float> dmean, Matrix dh);

class AttentionPool : public Fusion {
 public:
  static std::unique_ptr<Fusion> at(const FusionSite& site) {
    Patches* const patches = site.is_first ? site.at<Patches>(0) : nullptr;
    Position* const position = site.at<Position>(1);
    const std::size_t i = position ? 2 : 1;
    Attention* const attention = site.at<Attention>(i + 1);
    Dense *const w1 = site.at<Dense>(i + 2), *const w2 = site.at<Dense>(i + 4);
    const bool fits = patches && patches->input().channels() == 1 && site.at<Relu>(i) && attention &&
                      !attention->projection && w1 && site.at<Relu>(i + 3) && w2 && site.at<Mean>(i + 5);
    return fits ? std::make_unique<AttentionPool>(i + 6, *patches, position, *attention, *w1, *w2) : nullptr;
  }

  AttentionPool(std::size_t layers, Patches& patches, Position* position, Attention& attention, Dense& w1,
                Dense& w2)
      : Fusion(layers),
        patches_(patches),
        position_(position),
        attention_(attention),
        w1_(w1),
        w2_(w2),
        combined_(combining_pays()),
        w_(D() * U()),
        w_t_(w_.size()),
        b_(U()),
        token_bias_(S() * D()),
        empty_x_(S() * D()),
        empty_uv_(S() * U()) {}

  const char* name() const override { return "patches + attention + mean"; }
  bool reads_bytes() const override { return true; }

  void reserve(std::size_t batch) override {
    while (blocks_.size() < blocks(batch)) blocks_.emplace_back(*this);
    pooled_.resize(batch * F());
  }

  void forward(ConstMatrix, Matrix y, const Pass& pass) override {
    empty_tokens_forward();
    pass.team.parallel_for(parts(), [&](std::size_t part) { weights_forward(part); });
    pass.team.parallel_for(blocks(y.rows), [&](std::size_t block) { block_forward(*pass.images, y, block); });
  }

  void backward(ConstMatrix, ConstMatrix, ConstMatrix dy, Matrix, const Pass& pass) override {
    const std::size_t count = blocks(dy.rows);
    pass.team.parallel_for(count, [&](std::size_t block) { block_backward(dy, block); });
    pass.team.parallel_for(kSumParts, [&](std::size_t part) { sum_blocks(count, part); });
    pass.team.parallel_for(2 + parts(), [&](std::size_t job) {
      if (job < parts()) return weights_backward(job);
      if (job == parts()) return empty_tokens_backward();
      matmul(transposed(mat(pooled_, dy.rows, F())), dy, mat(w2_.w.grad, F(), w2_.units));
      std::ranges::fill(w2_.b.grad, 0.0f);
      add_rows(dy, w2_.b.grad);
    });
  }

 private:
  static constexpr std::size_t kBlock = 4;     // samples
  static constexpr std::size_t kSumParts = 8;  // of the gradients that blocks add up

  // What forward keeps of a block for backward. T: the tokens of its samples that are not empty.
  struct Block {
    explicit Block(const AttentionPool& f)
        : tokens(f.grid(), kBlock),
          x(kBlock * f.S() * f.D()),
          uv(kBlock * f.S() * f.U()),
          p(kBlock * f.H() * f.S() * padded_row(f.S())),
          mixed(f.combined_ ? 0 : kBlock * f.S() * f.D()),
          hidden(kBlock * f.S() * f.F()),
          dw(f.D() * f.U()),
          db(f.U()),
          dwp(f.grid().patch_pixels() * f.D()),
          dpos(f.S() * f.D()),
          dempty_x(f.S() * f.D()),
          dempty_uv(f.S() * f.U()),
          dw1(f.combined_ ? 0 : f.D() * f.F()),
          db1(f.combined_ ? 0 : f.F()) {}
    auto gradients() { return std::array{&dw, &db, &dwp, &dpos, &dempty_x, &dempty_uv, &dw1, &db1}; }

    NonEmptyPatches tokens;
    Floats x;       // (T, D)
    Floats uv;      // (T, U)
    Floats p;       // (samples, H, S, S), rows padded
    Floats mixed;   // (samples, S, D), a, unless that is combined
    Floats hidden;  // (samples, S, F), after the ReLU

    // Gradients of what all samples share, summed over the block's.
    Floats dw, db;     // (D, U), (U)
    Floats dwp;        // (P, D)
    Floats dpos;       // (S, D)
    Floats dempty_x;   // (S, D)
    Floats dempty_uv;  // (S, U)
    Floats dw1, db1;   // (D, F), (F), unless that is combined
  };

  // A thread's memory for the block that it is working on, and for a sample of it with all its S tokens.
  struct Workspace {
    Floats x, x_t, dx;   // (S, D), (D, S) rows padded, (S, D)
    Floats uv, v_t, dk;  // (S, U), (F or D / H, S) rows padded, (S, D / H); backward makes uv its gradient
    Floats ds;           // (S, S), rows padded
    Floats some_dx, some_duv;         // (T, D), (T, U)
    Floats dmixed, dhidden, dpooled;  // (samples, S, D), (samples, S, F), (samples, F)

    static Workspace& of_this_thread(const AttentionPool& f) {
      thread_local Workspace w;
      const std::size_t S = f.S(), row = padded_row(S);
      const auto need = [](Floats& memory, std::size_t size) {
        memory.resize(std::max(memory.size(), size));
      };
      for (Floats* each : {&w.x, &w.dx, &w.dk}) need(*each, S * f.D());
      for (Floats* each : {&w.x_t, &w.v_t}) need(*each, std::max(f.D(), f.F()) * row);
      need(w.uv, S * f.U());
      need(w.ds, S * row);
      need(w.some_dx, kBlock * S * f.D());
      need(w.some_duv, kBlock * S * f.U());
      need(w.dmixed, kBlock * S * f.D());
      need(w.dhidden, kBlock * S * f.F());
      need(w.dpooled, kBlock * f.F());
      return w;
    }
  };

  // An empty patch's token is ReLU(bp + pos): this table is also where another one starts from.
  void empty_tokens_forward() {
    for (std::size_t t = 0; t < S(); ++t) {
      for (std::size_t d = 0; d < D(); ++d) {
        token_bias_[t * D() + d] =
            patches_.b.value[d] + (position_ ? position_->table.value[t * D() + d] : 0.0f);
      }
    }
    std::ranges::copy(token_bias_, empty_x_.begin());
    relu_forward(empty_x());
  }
  void empty_tokens_backward() {
    Block& sums = blocks_[0];
    const Matrix dx = mat(sums.dempty_x, S(), D());
    matmul_add(mat(sums.dempty_uv, S(), U()), w_t(), dx);
    relu_backward(empty_x(), dx);
    add(sums.dempty_x, sums.dpos);
    std::ranges::fill(patches_.b.grad, 0.0f);
    add_rows(mat(sums.dpos, S(), D()), patches_.b.grad);  // every token has bp, and is at one of the places
    if (position_) std::ranges::copy(sums.dpos, position_->table.grad.begin());
    std::ranges::copy(sums.dwp, patches_.w.grad.begin());
  }

  // The columns of W that one product, or one layer's weights, make. Combined: part 2 h is Wq Wk^T of head h,
  // for u, part 2 h + 1 is Wv W1, for v. Else part 0, 1, 2 are Wq, Wk, Wv.
  std::size_t parts() const { return combined_ ? 2 * H() : 3; }
  struct Part {
    std::size_t first, count;  // columns of uv
  };
  Part part(std::size_t number) const {
    if (!combined_) return {number * D(), D()};
    const std::size_t first = number / 2 * (D() + F());
    return number % 2 == 0 ? Part{first, D()} : Part{first + D(), F()};
  }
  // Of a combined part, the factors' values or their gradients: `of` is &Tensor::value or &Tensor::grad.
  CombinedFactors factors(std::size_t number, Floats Tensor::*of) {
    const std::size_t width = D() / H(), start = number / 2 * width;
    const auto head_of = [&](Tensor& t, std::size_t in) {
      return columns(mat(t.*of, in, D()), start, width);
    };
    Attention& a = attention_;
    if (number % 2 == 0) {
      return {head_of(a.query.w, D()), head_of(a.query.b, 1), transposed(head_of(a.key.w, D()))};
    }
    return {head_of(a.value.w, D()), head_of(a.value.b, 1), rows(mat(w1_.w.*of, D(), F()), start, width)};
  }
  Attention::Linear& linear(std::size_t number) {
    return number == 0 ? attention_.query : number == 1 ? attention_.key : attention_.value;
  }
  void weights_forward(std::size_t number) {
    const Part part = this->part(number);
    const Matrix w_part = columns(w(), part.first, part.count);
    const std::span<float> b_part = std::span(b_).subspan(part.first, part.count);
    if (combined_) {
      combine(factors(number, &Tensor::value), w_part, mat(b_part, 1, part.count));
      if (number == 1) add(w1_.b.value, b_part);  // once: the rows of p sum to 1, so what v gains, p v gains
    } else {
      copy(linear(number).weights(), w_part);
      std::ranges::copy(linear(number).b.value, b_part.begin());
    }
    transpose(w_part, rows(w_t(), part.first, part.count));
    dense_forward(empty_x(), w_part, b_part, columns(empty_uv(), part.first, part.count));
  }
  void weights_backward(std::size_t number) {
    const Part part = this->part(number);
    Block& sums = blocks_[0];
    const Matrix duv = columns(mat(sums.dempty_uv, S(), U()), part.first, part.count);
    const Matrix dw_part = columns(mat(sums.dw, D(), U()), part.first, part.count);
    const std::span<float> db_part = std::span(sums.db).subspan(part.first, part.count);
    matmul_add(transposed(empty_x()), duv, dw_part);
    add_rows(duv, db_part);
    if (combined_) {
      combine_backward(factors(number, &Tensor::value), dw_part, mat(db_part, 1, part.count),
                       factors(number, &Tensor::grad));
      if (number == 0) std::ranges::fill(attention_.key.b.grad, 0.0f);
      if (number == 1) std::ranges::copy(db_part, w1_.b.grad.begin());
    } else {
      copy(dw_part, mat(linear(number).w.grad, D(), D()));
      std::ranges::copy(db_part, linear(number).b.grad.begin());
      if (number == 0) std::ranges::copy(sums.dw1, w1_.w.grad.begin());
      if (number == 0) std::ranges::copy(sums.db1, w1_.b.grad.begin());
    }
  }

  void block_forward(const Batch& batch, Matrix y, std::size_t number) {
    const std::size_t first = number * kBlock, count = std::min(kBlock, batch.size - first);
    Block& block = blocks_[number];
    Workspace& work = Workspace::of_this_thread(*this);
    block.tokens.list(batch, first, count);
    const auto places = block.tokens.places();
    const Matrix some_x = mat(block.x, places.size(), D()), some_uv = mat(block.uv, places.size(), U());
    for (std::size_t t = 0; t < places.size(); ++t) {
      std::copy_n(&token_bias_[places[t] * D()], D(), &block.x[t * D()]);
    }
    matmul_add(block.tokens.patches(), patches_.weights(), some_x);
    relu_forward(some_x);
    dense_forward(some_x, w(), b_, some_uv);

    for (std::size_t s = 0; s < count; ++s) {
      const Matrix x = mat(work.x, S(), D()), uv = mat(work.uv, S(), U());
      gather_tokens(block.tokens.rows(s), some_uv, empty_uv(), uv);
      if (combined_) {
        gather_tokens(block.tokens.rows(s), some_x, empty_x(), x);
        transpose(x, padded(work.x_t, D(), S()));
      }
      for (std::size_t h = 0; h < H(); ++h) {
        const Matrix k_t = padded(work.x_t, head_width(), S());
        if (!combined_) transpose(k(uv, x, h), k_t);
        attention_forward(q(uv, h), k_t, v(uv, h), attention_.scale(), p(block, s, h), mixed(block, s, h),
                          combined_ && h > 0 ? matmul_add : matmul);
      }
    }
    const Matrix hidden = mat(block.hidden, count * S(), F());
    if (!combined_) dense_forward(mat(block.mixed, count * S(), D()), w1_.weights(), w1_.b.value, hidden);
    for (std::size_t s = 0; s < count; ++s) {
      relu_mean(rows(hidden, s * S(), S()), std::span(pooled_).subspan((first + s) * F(), F()));
    }
    dense_forward(rows(mat(pooled_, batch.size, F()), first, count), w2_.weights(), w2_.b.value,
                  rows(y, first, count));
  }

  void block_backward(ConstMatrix dy, std::size_t number) {
    const std::size_t first = number * kBlock, count = std::min(kBlock, dy.rows - first);
    Block& block = blocks_[number];
    Workspace& work = Workspace::of_this_thread(*this);
    for (Floats* sum : block.gradients()) std::ranges::fill(*sum, 0.0f);
    const auto places = block.tokens.places();
    const Matrix some_x = mat(block.x, places.size(), D()), some_uv = mat(block.uv, places.size(), U());
    const Matrix some_dx = mat(work.some_dx, places.size(), D()),
                 some_duv = mat(work.some_duv, places.size(), U());

    const Matrix hidden = mat(block.hidden, count * S(), F()), dhidden = mat(work.dhidden, count * S(), F());
    const Matrix dpooled = mat(work.dpooled, count, F()), dmixed = mat(work.dmixed, count * S(), D());
    matmul(rows(dy, first, count), transposed(w2_.weights()), dpooled);
    for (std::size_t s = 0; s < count; ++s) {
      relu_mean_backward(rows(hidden, s * S(), S()), std::span(work.dpooled).subspan(s * F(), F()),
                         rows(dhidden, s * S(), S()));
    }
    if (!combined_) {
      matmul(transposed(mat(block.mixed, count * S(), D())), dhidden, mat(block.dw1, D(), F()));
      add_rows(dhidden, block.db1);
      matmul(dhidden, transposed(w1_.weights()), dmixed);
    }

    for (std::size_t s = 0; s < count; ++s) {
      const Matrix x = mat(work.x, S(), D()), uv = mat(work.uv, S(), U()), dx = mat(work.dx, S(), D());
      gather_tokens(block.tokens.rows(s), some_uv, empty_uv(), uv);
      if (combined_) gather_tokens(block.tokens.rows(s), some_x, empty_x(), x);
      for (std::size_t h = 0; h < H(); ++h) {
        const Matrix da = combined_ ? rows(dhidden, s * S(), S())
                                    : columns(rows(dmixed, s * S(), S()), h * head_width(), head_width());
        const Matrix dk = combined_ ? dx : mat(work.dk, S(), head_width());
        attention_backward(q(uv, h), k(uv, x, h), v(uv, h), padded(work.v_t, v(uv, h).cols, S()),
                           attention_.scale(), p(block, s, h), da, padded(work.ds, S(), S()), dk,
                           combined_ && h > 0 ? matmul_add : matmul);
        if (!combined_) copy(dk, k(uv, x, h));
      }
      gather_tokens_backward(block.tokens.rows(s), uv, some_duv, mat(block.dempty_uv, S(), U()));
      if (combined_) gather_tokens_backward(block.tokens.rows(s), dx, some_dx, mat(block.dempty_x, S(), D()));
    }

    matmul_add(transposed(some_x), some_duv, mat(block.dw, D(), U()));
    add_rows(some_duv, block.db);
    (combined_ ? matmul_add : matmul)(some_duv, w_t(), some_dx);
    relu_backward(some_x, some_dx);
    matmul_add(transposed(block.tokens.patches()), some_dx, mat(block.dwp, grid().patch_pixels(), D()));
    for (std::size_t t = 0; t < places.size(); ++t) {
      add({&work.some_dx[t * D()], D()}, std::span(block.dpos).subspan(places[t] * D(), D()));
    }
  }

  // Adds one part of all blocks' sums to block 0's.
  void sum_blocks(std::size_t blocks, std::size_t part) {
    for (std::size_t block = 1; block < blocks; ++block) {
      const auto from = blocks_[block].gradients(), to = blocks_[0].gradients();
      for (std::size_t a = 0; a < to.size(); ++a) {
        const std::size_t begin = to[a]->size() * part / kSumParts,
                          end = to[a]->size() * (part + 1) / kSumParts;
        add({from[a]->data() + begin, end - begin}, {to[a]->data() + begin, end - begin});
      }
    }
  }

  static void add(std::span<const float> from, std::span<float> to) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
  }
  static void add_rows(ConstMatrix m, std::span<float> sums) {
    for (std::size_t r = 0; r < m.rows; ++r) add({m.data + r * m.stride, m.cols}, sums);
  }

  // Multiply-adds of a sample either way, with the share of MNIST's patches that are not empty.
  bool combining_pays() const {
    const double s = static_cast<double>(S()), t = 0.38 * s, d = static_cast<double>(D()),
                 f = static_cast<double>(F());
    return static_cast<double>(H()) * (t * d + s * s) * (d + f) < 3 * t * d * d + 2 * s * s * d + s * d * f;
  }

  static std::size_t blocks(std::size_t samples) { return (samples + kBlock - 1) / kBlock; }
  PatchGrid grid() const { return {patches_.input().height(), patches_.input().width(), patches_.patch}; }
  std::size_t S() const { return patches_.tokens(); }
  std::size_t D() const { return patches_.width; }
  std::size_t F() const { return w1_.units; }
  std::size_t H() const { return attention_.heads; }
  std::size_t U() const { return combined_ ? H() * (D() + F()) : 3 * D(); }
  std::size_t head_width() const { return combined_ ? D() : D() / H(); }

  Matrix w() { return mat(w_, D(), U()); }
  Matrix w_t() { return mat(w_t_, U(), D()); }
  Matrix empty_x() { return mat(empty_x_, S(), D()); }
  Matrix empty_uv() { return mat(empty_uv_, S(), U()); }

  // The parts of a sample's uv (S, U): u | v of every head, and its keys are x; or q | k | v.
  Matrix q(Matrix uv, std::size_t h) const {
    return combined_ ? columns(uv, h * (D() + F()), D()) : columns(uv, h * head_width(), head_width());
  }
  Matrix k(Matrix uv, Matrix x, std::size_t h) const {
    return combined_ ? x : columns(uv, D() + h * head_width(), head_width());
  }
  Matrix v(Matrix uv, std::size_t h) const {
    return combined_ ? columns(uv, h * (D() + F()) + D(), F())
                     : columns(uv, 2 * D() + h * head_width(), head_width());
  }
  Matrix p(Block& block, std::size_t s, std::size_t h) const {
    return padded(std::span(block.p).subspan((s * H() + h) * S() * padded_row(S())), S(), S());
  }
  // Where head h of a sample puts p v: hidden itself, or its columns of a.
  Matrix mixed(Block& block, std::size_t s, std::size_t h) const {
    if (combined_) return rows(mat(block.hidden, block.hidden.size() / F(), F()), s * S(), S());
    const Matrix all = mat(block.mixed, block.mixed.size() / D(), D());
    return columns(rows(all, s * S(), S()), h * head_width(), head_width());
  }

  Patches& patches_;
  Position* position_;
  Attention& attention_;
  Dense &w1_, &w2_;
  bool combined_;
  Floats w_, w_t_, b_;                      // (D, U), (U, D), (U)
  Floats token_bias_, empty_x_, empty_uv_;  // (S, D), (S, D), (S, U)
  std::vector<Block> blocks_;               // the sums of all blocks' gradients in the first
  Floats pooled_;                           // (B, F), mean of hidden
};

}  // namespace nn
