// Attention: every token takes from all tokens of its sample, from each as much as it asks for (Vaswani et
// al., 2017).
//
//   q, k, v = x Wq + bq, x Wk + bk, x Wv + bv        (S, D) (D, D) + (D) -> (S, D), each of H heads its own
//   columns p = softmax(q k^T / sqrt(D / H)), by rows        (S, S) a head y = p v, or with a projection (p
//   v) Wo + bo      (S, D)
#pragma once

#include <cassert>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "nn/core/matmul.hpp"
#include "nn/layers/dense.hpp"
#include "nn/layers/elementwise.hpp"
#include "nn/layers/layer.hpp"

namespace nn {

// Rows of scores lie this many floats apart: a multiple of the widest vector, so that no row has a remainder.
// What the padding holds is nobody's business.
inline constexpr std::size_t padded_row(std::size_t tokens) {
  return (tokens + 15) / 16 * 16;
}

// An array seen as a matrix with padded rows.
template <class Array>
auto padded(Array&& x, std::size_t rows, std::size_t cols) {
  return columns(mat(x, rows, padded_row(cols)), 0, cols);
}

// forward: p = softmax(scale s), row by row, in place      (S, S), rows padded
void softmax_rows(Matrix s, float scale);

// backward: ds = scale p (dp - sum of the row of p dp), in place in dp
void softmax_rows_backward(ConstMatrix p, float scale, Matrix dp);

using Product = void(ConstMatrix, ConstMatrix, Matrix);  // matmul overwrites, matmul_add adds

// forward of one head of one sample: p = softmax(scale q k^T), y = or += p v      k_t = k^T: BLAS multiplies
// with it a fourth faster, at this size
inline void attention_forward(ConstMatrix q, ConstMatrix k_t, ConstMatrix v, float scale, Matrix p, Matrix y,
                              Product& into_y) {
  matmul(q, k_t, p);
  softmax_rows(p, scale);
  into_y(p, v, y);
}

// backward: dp = dy v^T, dv = p^T dy, ds = softmax's, dk = or += ds^T q, dq = ds k. dq and dv take the places
// of q and v; v_t (as v^T) and ds (S, S), rows padded, are memory to work in.
inline void attention_backward(Matrix q, ConstMatrix k, Matrix v, Matrix v_t, float scale, ConstMatrix p,
                               ConstMatrix dy, Matrix ds, Matrix dk, Product& into_dk) {
  transpose(v, v_t);
  matmul(dy, v_t, ds);
  matmul(transposed(p), dy, v);
  softmax_rows_backward(p, scale, ds);
  into_dk(transposed(ConstMatrix(ds)), q, dk);
  matmul(ds, k, q);
}

class Attention : public Layer {
 public:
  Attention() = default;
  explicit Attention(std::size_t heads_, bool projection_ = false) : heads(heads_), projection(projection_) {}

  const char* name() const override { return "attention"; }
  std::vector<Field> fields() override {
    return {{"heads", Field::number, &heads, 1, kMaxHeads}, {"projection", Field::flag, &projection}};
  }
  Shape output(const Shape& in) override {
    if (!in.is_tokens()) throw misfit(in.text() + " numbers", "tokens, as patches makes them");
    if (in.channels() % heads != 0) {
      throw misfit(std::to_string(heads) + " heads",
                   "a divisor of the size of a token, " + std::to_string(in.channels()));
    }
    if (heads * in.positions() * in.positions() > kMaxActivations) {
      throw misfit(
          std::to_string(heads) + " heads of " + std::to_string(in.positions()) + " tokens",
          "at most " + std::to_string(kMaxActivations) + " scores an image, heads x tokens x tokens");
    }
    return in;
  }
  void prepare(const Shape& in) override {
    tokens_ = in.positions();
    const std::size_t D = in.channels();
    const auto make = [&](Linear& l, const std::string& name) {
      l = {declared(name + ".weight", {D, D}), declared(name + ".bias", {D})};
    };
    make(query, "query");
    make(key, "key");
    make(value, "value");
    if (projection) make(output_projection, "output");
  }
  void draw(Init init, SimpleRng& rng) override {
    for (Linear* l : linears()) draw_weights(l->w, init, width(), width(), rng);
  }
  std::vector<Tensor*> tensors() override {
    std::vector<Tensor*> all;
    for (Linear* l : linears()) all.insert(all.end(), {&l->w, &l->b});
    return all;
  }
  double flop() const override {
    const double S = static_cast<double>(tokens_), D = static_cast<double>(width());
    return 2 * S * D * D * (projection ? 4 : 3) + 4 * S * S * D;
  }
  void reserve(std::size_t batch) override {
    const std::size_t size = batch * tokens_ * width();
    for (Floats* x : {&q_, &k_, &v_}) x->resize(std::max(x->size(), size));
    if (projection) mixed_.resize(std::max(mixed_.size(), size));
    p_.resize(std::max(p_.size(), batch * heads * tokens_ * padded_row(tokens_)));
  }

  void forward(ConstMatrix x, Matrix y, const Pass& pass) override {
    const std::size_t R = x.rows * tokens_, D = width();
    const ConstMatrix xs = by_position(x, D);
    const Matrix mixed = projection ? mat(mixed_, R, D) : by_position(y, D);
    query.forward(xs, mat(q_, R, D), pass.team);
    key.forward(xs, mat(k_, R, D), pass.team);
    value.forward(xs, mat(v_, R, D), pass.team);
    pass.team.parallel_for(x.rows, [&](std::size_t s) {
      thread_local Floats memory;
      memory.resize(std::max(memory.size(), width_of_head() * padded_row(tokens_)));
      const Matrix k_t = padded(memory, width_of_head(), tokens_);
      for (std::size_t h = 0; h < heads; ++h) {
        transpose(head(k_, s, h), k_t);
        attention_forward(head(q_, s, h), k_t, head(v_, s, h), scale(), p(s, h), head_of(mixed, s, h),
                          matmul);
      }
    });
    if (projection) output_projection.forward(mixed, by_position(y, D), pass.team);
  }

  void backward(ConstMatrix x, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass& pass) override {
    const std::size_t R = x.rows * tokens_, D = width();
    const ConstMatrix xs = by_position(x, D);
    dk_.resize(std::max(dk_.size(), R * D));
    ConstMatrix dmixed = by_position(dy, D);
    if (projection) {
      dmixed_.resize(std::max(dmixed_.size(), R * D));
      output_projection.backward(mat(mixed_, R, D), dmixed, mat(dmixed_, R, D), pass.team);
      dmixed = mat(dmixed_, R, D);
    }
    pass.team.parallel_for(x.rows, [&](std::size_t s) {
      thread_local Floats memory;
      const std::size_t v_t_size = width_of_head() * padded_row(tokens_);
      memory.resize(std::max(memory.size(), v_t_size + tokens_ * padded_row(tokens_)));
      const Matrix v_t = padded(memory, width_of_head(), tokens_);
      const Matrix ds = padded(std::span(memory).subspan(v_t_size), tokens_, tokens_);
      for (std::size_t h = 0; h < heads; ++h) {
        attention_backward(head(q_, s, h), head(k_, s, h), head(v_, s, h), v_t, scale(), p(s, h),
                           head_of(dmixed, s, h), ds, head(dk_, s, h), matmul);
      }
    });
    const Matrix dxs = by_position(dx, D);
    query.backward(xs, mat(q_, R, D), dxs, pass.team);  // q_ holds dq, v_ holds dv
    key.backward(xs, mat(dk_, R, D), dxs, pass.team, true);
    value.backward(xs, mat(v_, R, D), dxs, pass.team, true);
  }

  // p of one sample of the last batch: row i holds how much token i takes from each token      (S, S)
  Matrix p(std::size_t sample, std::size_t h) {
    return padded(std::span(p_).subspan((sample * heads + h) * tokens_ * padded_row(tokens_)), tokens_,
                  tokens_);
  }

  struct Linear {
    Tensor w, b;  // (D, D), (D)

    Matrix weights() { return mat(w.value, w.shape[0], w.shape[1]); }
    void forward(ConstMatrix x, Matrix y, ThreadTeam& team) { dense_forward(x, weights(), b.value, y, team); }
    void backward(ConstMatrix x, ConstMatrix dy, Matrix dx, ThreadTeam& team, bool add_to_dx = false) {
      dense_backward(x, weights(), dy, add_to_dx ? Matrix{} : dx, mat(w.grad, w.shape[0], w.shape[1]), b.grad,
                     team);
      if (add_to_dx && dx.data) team_matmul_add(dy, transposed(weights()), dx, team);
    }
  };

  std::size_t width() const { return query.b.shape[0]; }  // D
  std::size_t width_of_head() const { return width() / heads; }
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(width_of_head())); }

  std::size_t heads = 1;  // H
  bool projection = false;
  Linear query, key, value, output_projection;  // this empty without a projection

 private:
  std::vector<Linear*> linears() {
    std::vector<Linear*> all{&query, &key, &value};
    if (projection) all.push_back(&output_projection);
    return all;
  }
  template <class T>
  MatrixView<T> head_of(MatrixView<T> x, std::size_t sample, std::size_t h) const {
    return columns(rows(x, sample * tokens_, tokens_), h * width_of_head(), width_of_head());
  }
  Matrix head(Floats& x, std::size_t sample, std::size_t h) const {
    return head_of(mat(x, x.size() / width(), width()), sample, h);
  }

  std::size_t tokens_ = 1;    // S
  Floats q_, k_, v_, mixed_;  // (B, S, D)
  Floats dk_, dmixed_;        // (B, S, D)
  Floats p_;                  // (B, H, S, S), rows padded
};

}  // namespace nn
