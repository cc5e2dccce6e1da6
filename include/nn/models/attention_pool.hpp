// One layer of attention over the patches of an image, then the mean of its tokens.
//
//   token x = ReLU(patch Wp + bp + pos)                                     (B, S, D)
//   p = softmax(q k^T / sqrt(D / H)), a = p v, each of H heads its own columns of q, k, v = x W + b
//   hidden = ReLU(a W1 + b1), y = hidden W2 + b2                            (B, S, F), (B, S, D)
//   logits = (mean of y over the tokens) Wcls + bcls                        (B, K)
//
// Computed as it stands this is 5.3 million multiply-adds a sample and step; it is done with 2.1 million:
// - Two products fold into one, once a batch. a W1 = p (v W1), so v and W1 become x (Wv W1). And q k^T is
//   (x Wq Wk^T + bq Wk^T) x^T plus what is the same for a whole row, which softmax ignores: bk has no effect
//   and no gradient. A token goes through one product with W (D, H (D + F)), to u | v of every head. With one
//   head that is 1.3 times less; every further head costs as much again.
// - The mean over the tokens is taken before W2: it commutes with a linear layer.
// - Blank patches are the same token in every image: layers/inked_tokens.hpp.
//
// A thread takes a sample through all of forward, or all of backward, in its cache. Blocks of samples add up
// gradients of their own, which are then added in the blocks' order.
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "nn/core/matmul.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/batches.hpp"
#include "nn/layers/activation.hpp"
#include "nn/layers/attention.hpp"
#include "nn/layers/dense.hpp"
#include "nn/layers/folded_dense.hpp"
#include "nn/layers/inked_tokens.hpp"
#include "nn/layers/positions.hpp"
#include "nn/models/attention_shape.hpp"
#include "nn/training/sgd.hpp"

namespace nn {

class AttentionPool {
 public:
  // All parameters 0: a file has others.
  explicit AttentionPool(const AttentionShape& shape);

  // Xavier weights drawn from `rng`, biases 0.
  AttentionPool(const AttentionShape& shape, SimpleRng& rng);

  const AttentionShape& shape() const { return shape_; }
  std::size_t classes() const { return shape_.classes; }

  // The order of the model file.
  std::vector<Tensor*> tensors() {
    return {&wp_, &bp_, &pos_, &wq_, &bq_, &wk_, &bk_, &wv_, &bv_, &w1_, &b1_, &w2_, &b2_, &wcls_, &bcls_};
  }

  // Logits (B, K).
  std::span<const float> forward(const Batch& batch, ThreadTeam& team) {
    make_room(batch.size);
    blank_tokens_forward();
    team.for_blocks(2 * shape_.heads, [&](std::size_t part) { fold_forward(part); });
    team.for_blocks(blocks(batch.size), [&](std::size_t block) { samples_forward(batch, block); });
    return {logits_.data(), batch.size * shape_.classes};
  }

  void backward(const Batch& batch, std::span<const float> dlogits, ThreadTeam& team) {
    team.for_blocks(blocks(batch.size), [&](std::size_t block) { samples_backward(batch, dlogits, block); });
    team.for_blocks(kSumParts, [&](std::size_t part) { sum_blocks(blocks(batch.size), part); });
    team.for_blocks(2 + 2 * shape_.heads, [&](std::size_t job) {
      if (job < 2 * shape_.heads) return fold_backward(job);
      if (job == 2 * shape_.heads) return blank_tokens_backward();
      readout_backward(batch.size, dlogits);
    });
  }

  void backward_and_descend(const Batch& batch, std::span<const float> dlogits, float rate,
                            ThreadTeam& team) {
    backward(batch, dlogits, team);
    for (Tensor* t : tensors()) descend(*t, rate);
  }

  // p of one sample of the last batch: row i holds how much token i takes from each token      (S, S)
  ConstMatrix attention(std::size_t sample, std::size_t head) { return p(samples_[sample], head); }

 private:
  static constexpr std::size_t kBlock = 4;     // samples
  static constexpr std::size_t kSumParts = 8;  // of the gradients that blocks add up

  // What forward keeps of a sample for backward. Its T inked tokens are rows of their own.
  struct Sample {
    explicit Sample(const AttentionShape& a)
        : tokens(a.grid()),
          x(a.tokens() * a.d_model),
          uv(a.tokens() * a.uv_columns()),
          p(a.heads * a.tokens() * padded_row(a.tokens())),
          hidden(a.tokens() * a.ff) {}
    InkedTokens tokens;
    Floats x;       // (T, D)
    Floats uv;      // (T, H (D + F))
    Floats p;       // (H, S, S), rows padded
    Floats hidden;  // (S, F), after the ReLU
  };

  // Gradients of what all tokens share, summed over the samples of a block.
  struct SharedGradients {
    explicit SharedGradients(const AttentionShape& a)
        : dw(a.d_model * a.uv_columns()),
          db(a.uv_columns()),
          dwp(a.grid().patch_pixels() * a.d_model),
          dpos(a.tokens() * a.d_model),
          dblank_x(a.tokens() * a.d_model),
          dblank_uv(a.tokens() * a.uv_columns()) {}
    auto arrays() { return std::array{&dw, &db, &dwp, &dpos, &dblank_x, &dblank_uv}; }

    Floats dw, db;     // (D, H (D + F)), (H (D + F)) of the folded weights
    Floats dwp;        // (P, D)
    Floats dpos;       // (S, D)
    Floats dblank_x;   // (S, D)
    Floats dblank_uv;  // (S, H (D + F))
  };

  // A thread's room for the one sample it is working on, all S tokens of it.
  struct Workspace {
    Floats x, x_t, dx;           // (S, D), (D, S) rows padded, (S, D)
    Floats uv, v_t;              // (S, H (D + F)), (F, S) rows padded; backward turns uv into its gradient
    Floats inked_dx, inked_duv;  // (T, D), (T, H (D + F))
    Floats dhidden, dpooled;     // (S, F), (F)
    Floats ds;                   // (S, S), rows padded

    static Workspace& of_this_thread(const AttentionShape& a) {
      thread_local Workspace w;
      const std::size_t S = a.tokens(), row = padded_row(S);
      for (Floats* x : {&w.x, &w.dx, &w.inked_dx}) x->resize(S * a.d_model);
      for (Floats* uv : {&w.uv, &w.inked_duv}) uv->resize(S * a.uv_columns());
      w.x_t.resize(a.d_model * row);
      w.v_t.resize(a.ff * row);
      w.dhidden.resize(S * a.ff);
      w.dpooled.resize(a.ff);
      w.ds.resize(S * row);
      return w;
    }
  };

  // A blank token is ReLU(bp + pos): this table is also where an inked one starts from.
  void blank_tokens_forward() {
    for (std::size_t t = 0; t < S(); ++t) {
      for (std::size_t d = 0; d < D(); ++d) token_bias_[t * D() + d] = bp_.value[d] + pos_.value[t * D() + d];
    }
    std::ranges::copy(token_bias_, blank_x_.begin());
    relu_forward(blank_x());
  }
  void blank_tokens_backward() {
    SharedGradients& sums = sums_[0];
    const Matrix dx = mat(sums.dblank_x, S(), D());
    matmul_add(mat(sums.dblank_uv, S(), UV()), w_t(), dx);
    relu_backward(blank_x(), dx);
    for (std::size_t i = 0; i < pos_.grad.size(); ++i) pos_.grad[i] = sums.dpos[i] + sums.dblank_x[i];
    bias_backward(mat(pos_.grad, S(), D()), bp_.grad);  // every token has bp, and is at one of the places
    if (shape_.position == Position::none) std::ranges::fill(pos_.grad, 0.0f);
    std::ranges::copy(sums.dwp, wp_.grad.begin());
  }

  // Part 2 h folds Wq Wk^T of head h into the columns of u, part 2 h + 1 Wv W1 into those of v; each then
  // makes these columns for the blank tokens.
  struct Part {
    std::size_t first, count;  // columns of uv
    FoldedFactors factors, gradients;
  };
  Part part(std::size_t number) {
    const std::size_t head = number / 2, width = D() / shape_.heads, start = head * width;
    const auto head_of = [&](Floats& x, std::size_t in) { return columns(mat(x, in, D()), start, width); };
    const auto w1_of = [&](Floats& x) { return rows(mat(x, D(), F()), start, width); };
    const std::size_t first = head * (D() + F());
    if (number % 2 == 0) {
      return {first,
              D(),
              {head_of(wq_.value, D()), head_of(bq_.value, 1), transposed(head_of(wk_.value, D()))},
              {head_of(wq_.grad, D()), head_of(bq_.grad, 1), transposed(head_of(wk_.grad, D()))}};
    }
    return {first + D(),
            F(),
            {head_of(wv_.value, D()), head_of(bv_.value, 1), w1_of(w1_.value)},
            {head_of(wv_.grad, D()), head_of(bv_.grad, 1), w1_of(w1_.grad)}};
  }
  void fold_forward(std::size_t number) {
    const Part part = this->part(number);
    const Matrix w_part = columns(w(), part.first, part.count);
    const std::span<float> b_part = std::span(b_).subspan(part.first, part.count);
    fold(part.factors, w_part, mat(b_part, 1, part.count));
    transpose(w_part, rows(w_t(), part.first, part.count));
    if (number == 1) add(b1_.value, b_part);  // once: the rows of p sum to 1, so what v gains, p v gains
    dense_forward(blank_x(), w_part, b_part, columns(blank_uv(), part.first, part.count));
  }
  void fold_backward(std::size_t number) {
    const Part part = this->part(number);
    SharedGradients& sums = sums_[0];
    const Matrix duv = columns(mat(sums.dblank_uv, S(), UV()), part.first, part.count);
    const Matrix dw_part = columns(mat(sums.dw, D(), UV()), part.first, part.count);
    const std::span<float> db_part = std::span(sums.db).subspan(part.first, part.count);
    matmul_add(transposed(blank_x()), duv, dw_part);
    for (std::size_t t = 0; t < S(); ++t) add({duv.data + t * duv.stride, part.count}, db_part);
    nn::fold_backward(part.factors, dw_part, mat(db_part, 1, part.count), part.gradients);
    if (number == 0) std::ranges::fill(bk_.grad, 0.0f);
    if (number == 1) std::ranges::copy(db_part, b1_.grad.begin());
  }

  void samples_forward(const Batch& batch, std::size_t block) {
    const std::size_t first = block * kBlock, count = std::min(kBlock, batch.size - first);
    for (std::size_t s = first; s < first + count; ++s) sample_forward(batch, s);
    const Matrix readout = rows(mat(readout_, batch.size, D()), first, count);
    dense_forward(rows(mat(pooled_, batch.size, F()), first, count), w2(), b2_.value, readout);
    dense_forward(readout, wcls(), bcls_.value, rows(mat(logits_, batch.size, classes()), first, count));
  }
  void samples_backward(const Batch& batch, std::span<const float> dlogits, std::size_t block) {
    const std::size_t first = block * kBlock, count = std::min(kBlock, batch.size - first);
    const Matrix dreadout = rows(mat(dreadout_, batch.size, D()), first, count);
    matmul(rows(mat(dlogits, batch.size, classes()), first, count), transposed(wcls()), dreadout);
    for (Floats* sum : sums_[block].arrays()) std::ranges::fill(*sum, 0.0f);
    for (std::size_t s = 0; s < count; ++s) {
      sample_backward(samples_[first + s], rows(dreadout, s, 1), sums_[block]);
    }
  }

  void sample_forward(const Batch& batch, std::size_t s) {
    Sample& sample = samples_[s];
    Workspace& work = Workspace::of_this_thread(shape_);
    sample.tokens.list(batch.image(s));
    const auto places = sample.tokens.places();
    const Matrix inked_x = mat(sample.x, places.size(), D()), inked_uv = mat(sample.uv, places.size(), UV());
    for (std::size_t t = 0; t < places.size(); ++t) {
      std::ranges::copy(place(token_bias_, places[t]), &sample.x[t * D()]);
    }
    matmul_add(sample.tokens.patches(), wp(), inked_x);
    relu_forward(inked_x);
    dense_forward(inked_x, w(), b_, inked_uv);

    const Matrix x = mat(work.x, S(), D()), uv = mat(work.uv, S(), UV()), x_t = padded(work.x_t, D(), S());
    const Matrix hidden = mat(sample.hidden, S(), F());
    gather_tokens(sample.tokens.rows(), inked_x, blank_x(), x);
    gather_tokens(sample.tokens.rows(), inked_uv, blank_uv(), uv);
    transpose(x, x_t);
    for (std::size_t h = 0; h < shape_.heads; ++h) {
      attention_forward(u(uv, h), x_t, v(uv, h), score_scale(), p(sample, h), hidden,
                        h == 0 ? matmul : matmul_add);
    }
    relu_mean(hidden, std::span(pooled_).subspan(s * F(), F()));
  }
  void sample_backward(Sample& sample, ConstMatrix dreadout, SharedGradients& sums) {
    Workspace& work = Workspace::of_this_thread(shape_);
    const auto places = sample.tokens.places();
    const Matrix inked_x = mat(sample.x, places.size(), D()), inked_uv = mat(sample.uv, places.size(), UV());
    const Matrix x = mat(work.x, S(), D()), uv = mat(work.uv, S(), UV()), dx = mat(work.dx, S(), D());
    const Matrix dhidden = mat(work.dhidden, S(), F());
    gather_tokens(sample.tokens.rows(), inked_x, blank_x(), x);
    gather_tokens(sample.tokens.rows(), inked_uv, blank_uv(), uv);
    matmul(dreadout, transposed(w2()), mat(work.dpooled, 1, F()));
    relu_mean_backward(mat(sample.hidden, S(), F()), work.dpooled, dhidden);
    for (std::size_t h = 0; h < shape_.heads; ++h) {
      attention_backward(u(uv, h), x, v(uv, h), padded(work.v_t, F(), S()), score_scale(), p(sample, h),
                         dhidden, padded(work.ds, S(), S()), dx, h == 0 ? matmul : matmul_add);
    }

    const Matrix inked_dx = mat(work.inked_dx, places.size(), D());
    const Matrix inked_duv = mat(work.inked_duv, places.size(), UV());
    gather_tokens_backward(sample.tokens.rows(), dx, inked_dx, mat(sums.dblank_x, S(), D()));
    gather_tokens_backward(sample.tokens.rows(), uv, inked_duv, mat(sums.dblank_uv, S(), UV()));
    matmul_add(transposed(inked_x), inked_duv, mat(sums.dw, D(), UV()));
    for (std::size_t t = 0; t < places.size(); ++t) add({&work.inked_duv[t * UV()], UV()}, sums.db);
    matmul_add(inked_duv, w_t(), inked_dx);
    relu_backward(inked_x, inked_dx);
    matmul_add(transposed(sample.tokens.patches()), inked_dx,
               mat(sums.dwp, shape_.grid().patch_pixels(), D()));
    for (std::size_t t = 0; t < places.size(); ++t) {
      add({&work.inked_dx[t * D()], D()}, place(sums.dpos, places[t]));
    }
  }

  // Adds one part of all blocks' sums to block 0's.
  void sum_blocks(std::size_t blocks, std::size_t part) {
    for (std::size_t block = 1; block < blocks; ++block) {
      const auto from = sums_[block].arrays(), to = sums_[0].arrays();
      for (std::size_t a = 0; a < to.size(); ++a) {
        const std::size_t begin = to[a]->size() * part / kSumParts,
                          end = to[a]->size() * (part + 1) / kSumParts;
        add({from[a]->data() + begin, end - begin}, {to[a]->data() + begin, end - begin});
      }
    }
  }

  void readout_backward(std::size_t batch, std::span<const float> dlogits_of_batch) {
    const Matrix dreadout = mat(dreadout_, batch, D());
    const ConstMatrix dlogits = mat(dlogits_of_batch, batch, classes());
    matmul(transposed(mat(pooled_, batch, F())), dreadout, mat(w2_.grad, F(), D()));
    bias_backward(dreadout, b2_.grad);
    matmul(transposed(mat(readout_, batch, D())), dlogits, mat(wcls_.grad, D(), classes()));
    bias_backward(dlogits, bcls_.grad);
  }

  static void add(std::span<const float> from, std::span<float> to) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
  }

  void make_room(std::size_t batch) {
    if (batch <= samples_.size()) return;
    while (samples_.size() < batch) samples_.emplace_back(shape_);
    while (sums_.size() < blocks(batch)) sums_.emplace_back(shape_);
    pooled_.resize(batch * F());
    readout_.resize(batch * D());
    dreadout_.resize(batch * D());
    logits_.resize(batch * classes());
  }

  static std::size_t blocks(std::size_t samples) { return (samples + kBlock - 1) / kBlock; }
  std::size_t S() const { return shape_.tokens(); }
  std::size_t D() const { return shape_.d_model; }
  std::size_t F() const { return shape_.ff; }
  std::size_t UV() const { return shape_.uv_columns(); }
  float score_scale() const { return 1.0f / std::sqrt(static_cast<float>(D() / shape_.heads)); }

  Matrix w() { return mat(w_, D(), UV()); }
  Matrix w_t() { return mat(w_t_, UV(), D()); }
  Matrix wp() { return mat(wp_.value, shape_.grid().patch_pixels(), D()); }
  Matrix w2() { return mat(w2_.value, F(), D()); }
  Matrix wcls() { return mat(wcls_.value, D(), classes()); }
  Matrix blank_x() { return mat(blank_x_, S(), D()); }
  Matrix blank_uv() { return mat(blank_uv_, S(), UV()); }
  Matrix u(Matrix uv, std::size_t head) const { return columns(uv, head * (D() + F()), D()); }
  Matrix v(Matrix uv, std::size_t head) const { return columns(uv, head * (D() + F()) + D(), F()); }
  Matrix p(Sample& sample, std::size_t head) const {
    return padded(std::span(sample.p).subspan(head * S() * padded_row(S())), S(), S());
  }
  std::span<float> place(Floats& table, std::size_t t) const {
    return std::span(table).subspan(t * D(), D());
  }

  AttentionShape shape_;
  Tensor wp_, bp_, pos_;                    // (P, D), (D), (S, D)
  Tensor wq_, bq_, wk_, bk_, wv_, bv_;      // (D, D), (D)
  Tensor w1_, b1_, w2_, b2_, wcls_, bcls_;  // (D, F), (F), (F, D), (D), (D, K), (K)
  Floats w_, w_t_, b_;                      // (D, H (D + F)), (H (D + F)), folded
  Floats token_bias_, blank_x_, blank_uv_;  // (S, D), (S, D), (S, H (D + F))
  std::vector<Sample> samples_;             // (B)
  std::vector<SharedGradients> sums_;       // one a block; of all blocks in the first
  Floats pooled_;                           // (B, F), mean of hidden
  Floats readout_, dreadout_;               // (B, D), mean of y
  Floats logits_;                           // (B, K)
};

inline AttentionPool::AttentionPool(const AttentionShape& a)
    : shape_(a),
      wp_("Wp", {a.grid().patch_pixels(), a.d_model}),
      bp_("bp", {a.d_model}),
      pos_("pos", {a.tokens(), a.d_model}),
      wq_("Wq", {a.d_model, a.d_model}),
      bq_("bq", {a.d_model}),
      wk_("Wk", {a.d_model, a.d_model}),
      bk_("bk", {a.d_model}),
      wv_("Wv", {a.d_model, a.d_model}),
      bv_("bv", {a.d_model}),
      w1_("W1", {a.d_model, a.ff}),
      b1_("b1", {a.ff}),
      w2_("W2", {a.ff, a.d_model}),
      b2_("b2", {a.d_model}),
      wcls_("Wcls", {a.d_model, a.classes}),
      bcls_("bcls", {a.classes}),
      w_(a.d_model * a.uv_columns()),
      w_t_(w_.size()),
      b_(a.uv_columns()),
      token_bias_(a.tokens() * a.d_model),
      blank_x_(a.tokens() * a.d_model),
      blank_uv_(a.tokens() * a.uv_columns()) {
  assert(a.height % a.patch == 0 && a.width % a.patch == 0 && a.d_model % a.heads == 0);
  for (Tensor* t : tensors()) t->make_grad();
}

inline AttentionPool::AttentionPool(const AttentionShape& a, SimpleRng& rng) : AttentionPool(a) {
  const auto draw = [&](Tensor& t) { xavier_uniform(t, t.shape[0], t.shape[1], rng); };
  draw(wp_);
  start_positions(pos_, a.position, rng);
  for (Tensor* t : {&wq_, &wk_, &wv_, &w1_, &w2_, &wcls_}) draw(*t);
}

}  // namespace nn
