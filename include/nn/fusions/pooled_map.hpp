// What the convolution hands to the dense layer: pooled maps, of which only the active positions are kept.
//
// Where the patch under a position is zeros, a filter sees nothing but its own bias, so that all such
// positions (62 % of MNIST's) hold the same value of their filter. The maps are therefore a sum,
//
//   y[s, p, f] = baseline[f] + active[s, p, f],      active = 0 unless the patch under p is not zero
//
// and both layers work on active positions only. That is exact, and so is the chain rule: d_active = dy
// there, and d_baseline = the sum of dy over all samples and positions. In other words, baseline is one more
// sample, which all others are added to.
//
// The unit of work, forward and backward, is a row of positions over the whole batch: everything that belongs
// to it stays in the cache of the thread that does that row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/core/tensor.hpp"

namespace nn {

// B samples, P = rows x columns positions in row order, F filters.
class PooledMap {
 public:
  // The filters of a position lie side by side, as whole vectors: those that fill up the last one are always
  // 0.
  static constexpr std::size_t kFilterGroup = 8;

  PooledMap(std::size_t rows, std::size_t columns, std::size_t filters)
      : baseline((filters + kFilterGroup - 1) / kFilterGroup * kFilterGroup),
        d_baseline_(rows * baseline.size()),
        rows_(rows),
        columns_(columns),
        filters_(filters) {}

  // Memory for batches of up to `samples` images.
  void reserve(std::size_t samples) {
    capacity_ = samples;
    active_samples_.resize(positions() * samples);
    ranges_.resize(positions());
    active_.resize(positions() * samples * padded_filters());
    d_active_.resize(active_.size());
  }

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  std::size_t positions() const { return rows_ * columns_; }      // P
  std::size_t filters() const { return filters_; }                // F
  std::size_t padded_filters() const { return baseline.size(); }  // F, filled up to whole groups

  // The samples active at p, ascending: n of them. Their active parts lies side by side, too, in the same
  // order.
  std::span<const std::uint32_t> active_samples(std::size_t p) const {
    return {&active_samples_[ranges_[p].first], ranges_[p].count};
  }
  // The first one's place in active, d_active and all else that a layer keeps in lists like these.
  std::size_t first_active(std::size_t p) const { return ranges_[p].first; }
  float* active(std::size_t p) { return &active_[first_active(p) * padded_filters()]; }      // (n, F)
  float* d_active(std::size_t p) { return &d_active_[first_active(p) * padded_filters()]; }  // (n, F)
  const float* active(std::size_t p) const { return const_cast<PooledMap*>(this)->active(p); }
  const float* d_active(std::size_t p) const { return const_cast<PooledMap*>(this)->d_active(p); }

  // Lists the active samples of a row of positions; is_active(sample, column) tells. Rows may be done at the
  // same time. Without a branch on the active: nobody could predict it. Always inlined, because `is_active`
  // may be compiled for another instruction set and could not be inlined here.
  template <class IsActive>
  [[gnu::always_inline]] void list_active_samples(std::size_t samples, std::size_t row, IsActive is_active) {
    std::size_t end = row * columns_ * capacity_;
    for (std::size_t column = 0; column < columns_; ++column) {
      const std::size_t first = end;
      for (std::size_t s = 0; s < samples; ++s) {
        active_samples_[end] = static_cast<std::uint32_t>(s);
        end += is_active(s, column);
      }
      ranges_[row * columns_ + column] = {first, end - first};
    }
  }

  // What a row of positions adds to d_baseline.
  float* d_baseline(std::size_t row) { return &d_baseline_[row * padded_filters()]; }  // (F)
  const float* d_baseline(std::size_t row) const { return const_cast<PooledMap*>(this)->d_baseline(row); }

  Floats baseline;  // (F)

 private:
  struct Range {
    std::size_t first, count;
  };

  Floats d_baseline_;  // (rows, F)
  std::size_t rows_, columns_, filters_, capacity_ = 0;
  std::vector<std::uint32_t> active_samples_;  // (rows, columns x B): the lists of a row, one after the other
  std::vector<Range> ranges_;                  // (P) where in it a position's list is
  Floats active_, d_active_;                   // (rows, columns x B, F), as active_samples_
};

}  // namespace nn
