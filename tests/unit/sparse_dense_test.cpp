#include "nn/layers/sparse_dense.hpp"

#include <cmath>

#include "catch.hpp"
#include "gradient_check.hpp"
#include "instruction_sets.hpp"
#include "plain_matmul.hpp"

using namespace nn;

namespace {

double max_difference(const Floats& a, const Floats& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

// The three kernels against three loops over the dense matrices.
void compare_with_dense(std::size_t samples, std::size_t pixels, std::size_t outputs, float ink) {
  SimpleRng rng(11);
  const test::RandomBatch random(samples, pixels, 10, rng, ink);
  Floats x(samples * pixels);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(random.pixels[i]) / 255.0f;
  const Floats w = test::random_floats(pixels * outputs, 1.0f, rng),
               b = test::random_floats(outputs, 1.0f, rng),
               dy = test::random_floats(samples * outputs, 1.0f, rng);

  SparseBatch sparse;
  sparse.reserve(samples + 2, pixels);
  for (std::size_t stretch = 0; stretch < SparseBatch::kStretches; ++stretch)
    sparse.list_ink(random.batch(), stretch);
  Floats y(samples * outputs, 7.0f), dw(pixels * outputs, 7.0f), stepped = w;
  for (std::size_t block = 0; block < column_blocks(outputs); ++block) {
    sparse_dense_forward(sparse, mat(w, pixels, outputs), b, mat(y, samples, outputs), block);
    sparse_dense_backward(sparse, mat(dy, samples, outputs), mat(dw, pixels, outputs), block);
    sparse_dense_descend(sparse, mat(dy, samples, outputs), 0.5f, mat(stepped, pixels, outputs), block);
  }

  Floats plain_y, plain_dw(pixels * outputs), plain_stepped = w;
  for (std::size_t s = 0; s < samples; ++s) plain_y.insert(plain_y.end(), b.begin(), b.end());
  test::plain_matmul_add(mat(x, samples, pixels), mat(w, pixels, outputs), mat(plain_y, samples, outputs));
  test::plain_matmul_add(transposed(mat(x, samples, pixels)), mat(dy, samples, outputs),
                         mat(plain_dw, pixels, outputs));
  for (std::size_t i = 0; i < w.size(); ++i) plain_stepped[i] -= 0.5f * plain_dw[i];
  REQUIRE(max_difference(y, plain_y) < 1e-4);
  REQUIRE(max_difference(dw, plain_dw) < 1e-5);
  REQUIRE(max_difference(stepped, plain_stepped) < 1e-5);
}

}  // namespace

TEST_CASE("the sparse dense layer equals three loops, with every instruction set of this machine") {
  test::with_every_instruction_set([] {
    for (const std::size_t samples : {1u, 3u, 17u}) {
      for (const std::size_t outputs : {1u, 3u, 17u, 64u, 131u}) {
        compare_with_dense(samples, 49, outputs, 0.3f);
        compare_with_dense(samples, 784, outputs, 0.2f);
      }
    }
    compare_with_dense(64, 784, 96, 0.0f);
    compare_with_dense(64, 17, 96, 1.0f);
    compare_with_dense(5, 1, 3, 1.0f);
  });
}
