// matmul: the matrix product, on views that carry their shapes. The only user of <cblas.h>.
#pragma once

#include <cblas.h>

#include <cassert>
#include <cstddef>
#include <iterator>
#include <limits>
#include <span>
#include <type_traits>

namespace nn {

// A row-major matrix somewhere in memory, or the transpose of one. Owns nothing.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0, cols = 0;  // as seen: already swapped when transposed
  std::size_t stride = 0;          // elements from one stored row to the next, >= the stored row's length
  bool is_transposed = false;

  operator MatrixView<const T>() const requires(!std::is_const_v<T>) {
    return {data, rows, cols, stride, is_transposed};
  }
};
using Matrix = MatrixView<float>;
using ConstMatrix = MatrixView<const float>;

// A contiguous array (a span, a vector) seen as a matrix; const if its elements are.
template <class Array>
auto mat(Array&& x, std::size_t rows, std::size_t cols) {
  assert(std::size(x) >= rows * cols);
  return MatrixView<std::remove_pointer_t<decltype(std::data(x))>>{std::data(x), rows, cols, cols, false};
}

template <class T>
MatrixView<T> transposed(MatrixView<T> m) {
  return {m.data, m.cols, m.rows, m.stride, !m.is_transposed};
}

// Columns first .. first + count - 1 of a matrix that is not transposed.
template <class T>
MatrixView<T> columns(MatrixView<T> m, std::size_t first, std::size_t count) {
  assert(!m.is_transposed && first + count <= m.cols);
  return {m.data + first, m.rows, count, m.stride, false};
}

// Rows first .. first + count - 1 of a matrix that is not transposed.
template <class T>
MatrixView<T> rows(MatrixView<T> m, std::size_t first, std::size_t count) {
  assert(!m.is_transposed && first + count <= m.rows);
  return {m.data + first * m.stride, count, m.cols, m.stride, false};
}

// BLAS starts threads of its own unless told not to: on these sizes they cost more than they bring, and
// a result would depend on their number. ThreadTeam calls this; the parallelism is ours (core/parallel.hpp).
inline void use_one_blas_thread() {
  openblas_set_num_threads(1);
}

namespace detail {
inline void sgemm(float alpha, ConstMatrix a, ConstMatrix b, float beta, Matrix c) {
  assert(a.rows == c.rows && b.cols == c.cols && a.cols == b.rows && !c.is_transposed);
  if (c.rows == 0 || c.cols == 0) return;
  const auto to_int = [](std::size_t n) {
    assert(n <= static_cast<std::size_t>(std::numeric_limits<blasint>::max()));
    return static_cast<blasint>(n);
  };
  const auto op = [](ConstMatrix m) { return m.is_transposed ? CblasTrans : CblasNoTrans; };
  cblas_sgemm(CblasRowMajor, op(a), op(b), to_int(c.rows), to_int(c.cols), to_int(a.cols), alpha, a.data,
              to_int(a.stride), b.data, to_int(b.stride), beta, c.data, to_int(c.stride));
}
}  // namespace detail

// c = a b      (M, K) (K, N) -> (M, N), c overwritten
inline void matmul(ConstMatrix a, ConstMatrix b, Matrix c) {
  detail::sgemm(1.0f, a, b, 0.0f, c);
}

// c += a b
inline void matmul_add(ConstMatrix a, ConstMatrix b, Matrix c) {
  detail::sgemm(1.0f, a, b, 1.0f, c);
}

}  // namespace nn
