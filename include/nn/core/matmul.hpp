// matmul: the matrix product, on views that carry their shapes. Large ones are OpenBLAS's.
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

namespace detail {
// c = alpha a b + beta c, by OpenBLAS
void sgemm(float alpha, ConstMatrix a, ConstMatrix b, float beta, Matrix c);

// Of which a call of BLAS takes longer than the product itself: those of a single image, say.
inline bool is_tiny(ConstMatrix a, Matrix c) {
  return c.rows * c.cols * a.cols <= 1024;
}

inline void tiny_matmul_add(ConstMatrix a, ConstMatrix b, Matrix c) {
  const auto element = [](ConstMatrix m, std::size_t row, std::size_t col) {
    return m.is_transposed ? m.data[col * m.stride + row] : m.data[row * m.stride + col];
  };
  for (std::size_t i = 0; i < c.rows; ++i) {
    for (std::size_t k = 0; k < a.cols; ++k) {
      const float factor = element(a, i, k);
      for (std::size_t j = 0; j < c.cols; ++j) c.data[i * c.stride + j] += factor * element(b, k, j);
    }
  }
}
}  // namespace detail

// c += a b      (M, K) (K, N) -> (M, N)
inline void matmul_add(ConstMatrix a, ConstMatrix b, Matrix c) {
  assert(a.rows == c.rows && b.cols == c.cols && a.cols == b.rows && !c.is_transposed);
  if (detail::is_tiny(a, c)) return detail::tiny_matmul_add(a, b, c);
  detail::sgemm(1.0f, a, b, 1.0f, c);
}

// c = a b       (M, K) (K, N) -> (M, N), c overwritten
inline void matmul(ConstMatrix a, ConstMatrix b, Matrix c) {
  assert(a.rows == c.rows && b.cols == c.cols && a.cols == b.rows && !c.is_transposed);
  if (!detail::is_tiny(a, c)) return detail::sgemm(1.0f, a, b, 0.0f, c);
  for (std::size_t i = 0; i < c.rows; ++i) std::fill_n(c.data + i * c.stride, c.cols, 0.0f);
  detail::tiny_matmul_add(a, b, c);
}

}  // namespace nn
