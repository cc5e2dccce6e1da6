#include "nn/core/matmul.hpp"

#include <cmath>
#include <vector>

#include "catch.hpp"
#include "instruction_sets.hpp"
#include "nn/core/rng.hpp"
#include "nn/core/small_matmul.hpp"
#include "nn/core/team_matmul.hpp"
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

TEST_CASE(
    "a product on a team of threads equals three loops, and has the same bits for any number of threads") {
  SimpleRng rng(4);
  struct Sizes {
    std::size_t m, n, k;
  };
  for (const auto [m, n, k] : {Sizes{3, 5, 7}, Sizes{130, 70, 300}, Sizes{8, 24, 9000}, Sizes{700, 9, 500}}) {
    const Floats a = test::random_floats(m * k, 1.0f, rng), b = test::random_floats(k * n, 1.0f, rng);
    std::vector<float> expected(m * n);
    test::plain_matmul_add(mat(a, m, k), mat(b, k, n), mat(expected, m, n));
    Floats first;
    for (const std::size_t threads : {1u, 2u, 3u}) {
      ThreadTeam team(threads);
      Floats c(m * n, 9.0f), sum(m * n, 1.0f);
      team_matmul(mat(a, m, k), mat(b, k, n), mat(c, m, n), team);
      team_matmul_add(mat(a, m, k), mat(b, k, n), mat(sum, m, n), team);
      for (std::size_t i = 0; i < c.size(); ++i) {
        REQUIRE(std::abs(c[i] - expected[i]) < 1e-5f * static_cast<float>(k));
        REQUIRE(std::abs(sum[i] - 1 - expected[i]) < 1e-5f * static_cast<float>(k));
      }
      if (first.empty()) first = c;
      REQUIRE(c == first);
    }
  }
}

TEST_CASE("the product of small matrices takes rows from anywhere, with every instruction set") {
  SimpleRng rng(5);
  test::with_every_instruction_set([&] {
    for (const std::size_t n : {1u, 5u, 8u, 23u, 49u, 112u}) {
      for (const std::size_t m : {1u, 6u, 13u}) {
        const std::size_t outer = 3, k = m == 13 ? 700 : 11, group = 4;
        const Floats a = test::random_floats(5000, 1.0f, rng),
                     b = test::random_floats(outer * (k * n + 7), 1.0f, rng);
        const SmallProduct product{.a = a.data(),
                                   .a_row = 2,
                                   .a_outer = 40,
                                   .a_k = 3,
                                   .b = b.data(),
                                   .b_outer = k * n + 7,
                                   .b_k = n,
                                   .c = nullptr,
                                   .c_row = n + 3,
                                   .m = m,
                                   .n = n,
                                   .outer = outer,
                                   .k = k,
                                   .add = false,
                                   .group = group,
                                   .a_group = 17};
        const Floats start = test::random_floats(n, 1.0f, rng);
        for (const int begins_with : {0, 1, 2}) {  // 0, what is in c, or a row
          const bool add = begins_with == 1;
          Floats c(m * (n + 3), 2.0f);
          SmallProduct p = product;
          p.c = c.data();
          p.add = add;
          if (begins_with == 2) p.start = start.data();
          small_matmul(p);
          for (std::size_t i = 0; i < m; ++i) {
            for (std::size_t j = 0; j < n + 3; ++j) {
              double expected = add || j >= n      ? 2
                                : begins_with == 2 ? static_cast<double>(start[j])
                                                   : 0;  // beside c: left alone
              for (std::size_t x = 0; j < n && x < outer * k; ++x) {
                const std::size_t at = i / group * 17 + i % group * 2 + x / k * 40 + x % k * 3;
                expected +=
                    static_cast<double>(a[at]) * static_cast<double>(b[x / k * (k * n + 7) + x % k * n + j]);
              }
              REQUIRE(static_cast<double>(c[i * (n + 3) + j]) == Approx(expected).margin(1e-4));
            }
          }
        }
      }
    }
  });
}
