#include "nn/core/matmul.hpp"

#include <cmath>
#include <vector>

#include "catch.hpp"
#include "nn/core/rng.hpp"
#include "plain_matmul.hpp"

using namespace nn;

TEST_CASE("matmul, by BLAS or not, equals three loops for odd sizes and all transposes") {
  SimpleRng rng(3);
  const std::vector<std::size_t> sizes{1, 3, 17, 64};
  for (const std::size_t m : sizes) {
    for (const std::size_t n : sizes) {
      for (const std::size_t k : sizes) {
        for (int transposes = 0; transposes < 4; ++transposes) {
          std::vector<float> a(m * k), b(k * n), c(m * n), expected(m * n);
          for (std::vector<float>* v : {&a, &b, &c}) {
            for (float& x : *v) x = rng.range(-1.0f, 1.0f);
          }
          expected = c;
          const auto view = [](const std::vector<float>& v, std::size_t rows, std::size_t cols, bool flip) {
            return flip ? transposed(mat(v, cols, rows)) : mat(v, rows, cols);
          };
          const ConstMatrix va = view(a, m, k, transposes & 1), vb = view(b, k, n, transposes & 2);
          matmul_add(va, vb, mat(c, m, n));
          test::plain_matmul_add(va, vb, mat(expected, m, n));
          for (std::size_t i = 0; i < c.size(); ++i) REQUIRE(std::abs(c[i] - expected[i]) < 1e-5f);
          matmul(va, vb, mat(c, m, n));
          std::fill(expected.begin(), expected.end(), 0.0f);
          test::plain_matmul_add(va, vb, mat(expected, m, n));
          for (std::size_t i = 0; i < c.size(); ++i) REQUIRE(std::abs(c[i] - expected[i]) < 1e-5f);
        }
      }
    }
  }
}

TEST_CASE("matmul works on blocks of larger matrices and leaves the rest alone") {
  const std::vector<float> a{1, 2, 3, 4, 5, 6}, b{1, 0, 2, 0, 1, 3};  // (2, 3), (3, 2)
  std::vector<float> c(12, 9.0f);                                     // (3, 4)
  const Matrix whole = mat(c, 3, 4);
  matmul(mat(a, 2, 3), mat(b, 3, 2), columns(rows(whole, 1, 2), 1, 2));
  CHECK(c == std::vector<float>{9, 9, 9, 9, 9, 8, 9, 9, 9, 20, 18, 9});
}
