// Loops over all numbers of a batch, or over all its rows, shared out to the threads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "nn/core/matmul.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/shape.hpp"
#include "nn/core/tensor.hpp"

namespace nn {

// A batch by positions: (B, positions * channels) -> (B * positions, channels). The same memory.
template <class T>
MatrixView<T> by_position(MatrixView<T> x, std::size_t channels) {
  return {x.data, x.rows * x.cols / channels, channels, channels, false};
}

// to = from
inline void copy(ConstMatrix from, Matrix to) {
  for (std::size_t r = 0; r < from.rows; ++r)
    std::copy_n(from.data + r * from.stride, from.cols, to.data + r * to.stride);
}

// Calls f(first row, number of rows) for blocks of rows that together are all.
template <class F>
void for_row_blocks(ThreadTeam& team, std::size_t rows, std::size_t cols, F f) {
  constexpr std::size_t numbers = 16384;  // in a block: enough to be worth a thread, few enough to stay in L2
  const std::size_t block = std::max<std::size_t>(1, numbers / std::max<std::size_t>(1, cols));
  team.parallel_for((rows + block - 1) / block,
                    [&](std::size_t b) { f(b * block, std::min(block, rows - b * block)); });
}

// Calls f(block of x, block of y) for blocks of rows that together are all.
template <class X, class Y, class F>
void for_row_blocks(ThreadTeam& team, X x, Y y, F f) {
  for_row_blocks(team, x.rows, x.cols, [&](std::size_t first, std::size_t count) {
    f(rows(x, first, count), rows(y, first, count));
  });
}

// The sums of `width` things over all rows: f(first row, number of rows, sums) adds a block's to `sums`,
// which begin at 0. Blocks depend on the sizes alone and are added in order: the same bits for any number of
// threads.
template <class F>
std::span<const float> sum_over_rows(ThreadTeam& team, std::size_t rows, std::size_t width, F f) {
  const std::size_t blocks = std::clamp<std::size_t>(
      rows * width / 8192, 1, std::min<std::size_t>(16, std::max<std::size_t>(rows, 1)));
  static thread_local Floats memory;  // (blocks, width), of the calling thread
  memory.assign(blocks * width, 0.0f);
  float* const sums = memory.data();
  team.parallel_for(blocks, [&](std::size_t block) {
    const std::size_t first = rows * block / blocks;
    f(first, rows * (block + 1) / blocks - first, sums + block * width);
  });
  for (std::size_t block = 1; block < blocks; ++block) {
    for (std::size_t i = 0; i < width; ++i) sums[i] += sums[block * width + i];
  }
  return {sums, width};
}

// sums[c] = sum of column c of m, overwritten
inline void column_sums(ConstMatrix m, std::span<float> sums, ThreadTeam& team) {
  const auto all = sum_over_rows(team, m.rows, m.cols, [&](std::size_t first, std::size_t count, float* sum) {
    for (std::size_t r = first; r < first + count; ++r) {
      const float* row = m.data + r * m.stride;
      for (std::size_t c = 0; c < m.cols; ++c) sum[c] += row[c];
    }
  });
  std::ranges::copy(all, sums.begin());
}

}  // namespace nn
