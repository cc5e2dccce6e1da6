// The product of small matrices, and of matrices whose rows overlap.
//
// BLAS first copies both factors into an order of its own, which for large matrices costs next to nothing and
// for small ones more than the product. This one works on them where they are: lanes are columns of b, each
// number of a is broadcast, and a few rows and vectors of c stay in registers. So the rows of a may lie
// anywhere, also on top of each other, as those of a convolution do.
#pragma once

#include <cstddef>

namespace nn {

// c = or += the sum over o and k of a(i, o, k) b(o, k, j)      (M, N). The sum is taken in the order of o, k.
struct SmallProduct {
  const float* a;
  std::size_t a_row, a_outer, a_k;  // numbers from one i, o, k to the next
  const float* b;
  std::size_t b_outer, b_k;  // from one o, k to the next; j lie side by side
  float* c;
  std::size_t c_row;             // from one i to the next; j lie side by side
  std::size_t m, n, outer, k;    // how many i, j, o, k there are
  bool add;                      // to what is in c
  const float* start = nullptr;  // (N) that each row of c begins with, unless it is added to; null: 0
  std::size_t group = 0,
              a_group = 0;  // not 0: the rows of a come in groups of so many, which begin so far apart
};
void small_matmul(const SmallProduct& product);

}  // namespace nn
