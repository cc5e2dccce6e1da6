// The matrix product on all threads.
//
// It is cut into tiles by its sizes alone, so a result has the same bits for any number of threads. A call of
// BLAS first copies both factors into an order of its own, which m x n tiles make it do MNK (1/m + 1/n)
// times: tiles are large, and few. Where the result is small and the sum long (a weight's gradient over all
// tokens or pixels of a batch), the sum is cut instead, and the partial sums are added in order.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>

#include "nn/core/matmul.hpp"
#include "nn/core/memory.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/tensor.hpp"

namespace nn {

namespace detail {
struct Tiling {
  std::size_t rows, cols, sums;  // in how many parts each is cut

  Tiling(std::size_t m, std::size_t n, std::size_t k) : rows(1), cols(1), sums(1) {
    constexpr std::size_t most = 8, worth_a_tile = std::size_t{1} << 19, least_edge = 128;
    const std::size_t wanted = std::min(most, m * n * k / worth_a_tile);
    while (rows * cols * sums < wanted) {
      const std::size_t tile_m = m / rows, tile_n = n / cols, tile_k = k / sums;
      if (tile_k > 4 * std::max(tile_m, tile_n) ||
          (std::max(tile_m, tile_n) < 2 * least_edge && tile_k >= 512)) {
        sums *= 2;
      } else if (tile_m >= tile_n && tile_m >= 32) {
        rows *= 2;
      } else if (tile_n >= 32) {
        cols *= 2;
      } else {
        return;
      }
    }
  }
};

struct Part {
  std::size_t first, count;
};
// Part i of n, cut into `parts`, at multiples of 8.
inline Part part_of(std::size_t n, std::size_t parts, std::size_t i) {
  const auto edge = [&](std::size_t at) { return at == parts ? n : n * at / parts / 8 * 8; };
  return {edge(i), edge(i + 1) - edge(i)};
}

template <class T>
MatrixView<T> block(MatrixView<T> m, Part r, Part c) {
  return m.is_transposed ? transposed(columns(rows(transposed(m), c.first, c.count), r.first, r.count))
                         : columns(rows(m, r.first, r.count), c.first, c.count);
}
}  // namespace detail

// Calls product(block of a, block of b, block of c) for all tiles of c, whose sums are not cut.
template <class Product>
void for_tiles(const detail::Tiling& tiles, ConstMatrix a, ConstMatrix b, Matrix c, ThreadTeam& team,
               Product product) {
  using detail::part_of, detail::block, detail::Part;
  const Part all{0, a.cols};
  team.parallel_for(tiles.rows * tiles.cols, [&](std::size_t tile) {
    const Part r = part_of(c.rows, tiles.rows, tile % tiles.rows),
               n = part_of(c.cols, tiles.cols, tile / tiles.rows);
    if (r.count > 0 && n.count > 0) product(block(a, r, all), block(b, all, n), block(c, r, n));
  });
}

// c = a b, or c += a b      (M, K) (K, N) -> (M, N)
template <bool kAdd = false>
void team_matmul(ConstMatrix a, ConstMatrix b, Matrix c, ThreadTeam& team) {
  using detail::part_of, detail::block, detail::Part;
  const detail::Tiling tiles(c.rows, c.cols, a.cols);
  if (tiles.sums == 1) return for_tiles(tiles, a, b, c, team, kAdd ? matmul_add : matmul);

  static thread_local Floats memory;  // (sums, M, N), of the calling thread
  memory.resize(tiles.sums * c.rows * c.cols);
  float* const partial = memory.data();
  const std::size_t size = c.rows * c.cols;
  team.parallel_for(tiles.rows * tiles.cols * tiles.sums, [&](std::size_t tile) {
    const Part r = part_of(c.rows, tiles.rows, tile % tiles.rows);
    const Part n = part_of(c.cols, tiles.cols, tile / tiles.rows % tiles.cols);
    const std::size_t s = tile / tiles.rows / tiles.cols;
    const Part k = part_of(a.cols, tiles.sums, s);
    const Matrix sum{partial + s * size, c.rows, c.cols, c.cols, false};
    if (r.count > 0 && n.count > 0) matmul(block(a, r, k), block(b, k, n), block(sum, r, n));
  });
  constexpr std::size_t rows_of_a_block = 16;
  team.parallel_for((c.rows + rows_of_a_block - 1) / rows_of_a_block, [&](std::size_t part) {
    const std::size_t end = std::min(c.rows, (part + 1) * rows_of_a_block);
    for (std::size_t row = part * rows_of_a_block; row < end; ++row) {
      float* const out = c.data + row * c.stride;
      if (!kAdd) std::fill_n(out, c.cols, 0.0f);
      for (std::size_t s = 0; s < tiles.sums; ++s) {
        const float* sum = partial + s * size + row * c.cols;
        for (std::size_t col = 0; col < c.cols; ++col) out[col] += sum[col];
      }
    }
  });
}

inline void team_matmul_add(ConstMatrix a, ConstMatrix b, Matrix c, ThreadTeam& team) {
  team_matmul<true>(a, b, c, team);
}

// c += scale a b, for products with a large result
inline void team_matmul_add_scaled(float scale, ConstMatrix a, ConstMatrix b, Matrix c, ThreadTeam& team) {
  detail::Tiling tiles(c.rows, c.cols, a.cols);
  tiles.sums = 1;
  for_tiles(tiles, a, b, c, team, [&](ConstMatrix left, ConstMatrix right, Matrix out) {
    matmul_add_scaled(scale, left, right, out);
  });
}

}  // namespace nn
