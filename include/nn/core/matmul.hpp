// matmul: the matrix product, on views that carry their shapes. Large ones are OpenBLAS's, small ones our
// own.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
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

// Loads OpenBLAS unless it is there already; the first large product does so, too. To be called before
// threads that multiply are started. Throws Error if the system does not have it.
void load_blas();

// Of the OpenBLAS in use, which is loaded unless it is there already: "0.3.21", and the set of kernels that
// it takes on this processor, "Haswell". Throws Error if the system does not have it.
struct BlasInfo {
  std::string version, core;
};
BlasInfo blas_info();

// to = from^T      (M, N) -> (N, M), overwritten; neither a transposed view
void transpose(ConstMatrix from, Matrix to);

namespace detail {
// c = alpha a b + beta c, by OpenBLAS
void sgemm(float alpha, ConstMatrix a, ConstMatrix b, float beta, Matrix c);

// The same by small_matmul.hpp: c = or += a b. BLAS takes up to twice as long for products of this size.
void small_product(ConstMatrix a, ConstMatrix b, Matrix c, bool add);
inline bool is_small(ConstMatrix a, Matrix c) {
  return c.rows * c.cols * a.cols <= std::size_t{1} << 20;
}
}  // namespace detail

// c += a b      (M, K) (K, N) -> (M, N)
inline void matmul_add(ConstMatrix a, ConstMatrix b, Matrix c) {
  assert(a.rows == c.rows && b.cols == c.cols && a.cols == b.rows && !c.is_transposed);
  detail::is_small(a, c) ? detail::small_product(a, b, c, true) : detail::sgemm(1.0f, a, b, 1.0f, c);
}

// c += scale a b, for large products
inline void matmul_add_scaled(float scale, ConstMatrix a, ConstMatrix b, Matrix c) {
  assert(a.rows == c.rows && b.cols == c.cols && a.cols == b.rows && !c.is_transposed);
  detail::sgemm(scale, a, b, 1.0f, c);
}

// c = a b       (M, K) (K, N) -> (M, N), c overwritten
inline void matmul(ConstMatrix a, ConstMatrix b, Matrix c) {
  assert(a.rows == c.rows && b.cols == c.cols && a.cols == b.rows && !c.is_transposed);
  detail::is_small(a, c) ? detail::small_product(a, b, c, false) : detail::sgemm(1.0f, a, b, 0.0f, c);
}

}  // namespace nn
