// The products of nn/core/matmul.hpp without BLAS, which WebAssembly has not: all by small_matmul.hpp.
#include <cstddef>

#include "nn/core/error.hpp"
#include "nn/core/matmul.hpp"
#include "nn/core/tensor.hpp"

namespace nn {

void load_blas() {}

BlasInfo blas_info() {
  throw Error("BLAS", "is not part of this build, expected a native one");
}

void detail::sgemm(float alpha, ConstMatrix a, ConstMatrix b, float beta, Matrix c) {
  if (alpha == 1.0f && beta == 1.0f) return small_product(a, b, c, true);
  Floats product(c.rows * c.cols);
  small_product(a, b, mat(product, c.rows, c.cols), false);
  for (std::size_t row = 0; row < c.rows; ++row) {
    for (std::size_t col = 0; col < c.cols; ++col) {
      float& value = c.data[row * c.stride + col];
      // As BLAS: with beta = 0, what is there does not count, not even a NaN.
      value = alpha * product[row * c.cols + col] + (beta == 0.0f ? 0.0f : beta * value);
    }
  }
}

}  // namespace nn
