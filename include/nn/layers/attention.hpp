// Attention of one sample and one head over S tokens, and the kernels that are not matrix products.
#pragma once

#include <cassert>
#include <cstddef>
#include <span>

#include "nn/core/matmul.hpp"

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

// to = from^T      (M, N) -> (N, M), overwritten. For BLAS a second factor that is not transposed is a fourth
// faster, on matrices of this size.
void transpose(ConstMatrix from, Matrix to);

// forward: p = softmax(scale s), row by row, in place      (S, S), rows padded
void softmax_rows(Matrix s, float scale);

// backward: ds = scale p (dp - sum of the row of p dp), in place in dp
void softmax_rows_backward(ConstMatrix p, float scale, Matrix dp);

// forward: h = max(h, 0), in place; mean = mean of the rows of h      (S, F) -> (F)
void relu_mean(Matrix h, std::span<float> mean);

// backward: dh = dmean / S where h > 0, else 0, overwritten; h is forward's result
void relu_mean_backward(ConstMatrix h, std::span<const float> dmean, Matrix dh);

using Product = void(ConstMatrix, ConstMatrix, Matrix);  // matmul overwrites, matmul_add adds

// forward: p = softmax(scale u x^T), z = or += p v      (S, D) (D, S) -> (S, S), (S, S) (S, F) -> (S, F)
inline void attention_forward(ConstMatrix u, ConstMatrix x_t, ConstMatrix v, float scale, Matrix p, Matrix z,
                              Product& into_z) {
  matmul(u, x_t, p);
  softmax_rows(p, scale);
  into_z(p, v, z);
}

// backward: dv = p^T dz, dp = dz v^T, ds = softmax's, du = ds x, dx = or += ds^T u. du and dv replace u and
// v; v_t (F, S) and ds (S, S), rows padded, are room to work in.
inline void attention_backward(Matrix u, ConstMatrix x, Matrix v, Matrix v_t, float scale, ConstMatrix p,
                               ConstMatrix dz, Matrix ds, Matrix dx, Product& into_dx) {
  transpose(v, v_t);
  matmul(dz, v_t, ds);
  matmul(transposed(p), dz, v);
  softmax_rows_backward(p, scale, ds);
  into_dx(transposed(ConstMatrix(ds)), u, dx);
  matmul(ds, x, u);
}

}  // namespace nn
