// What the convolution hands to the dense layer: pooled maps, of which only the inked positions are kept.
//
// Where the patch under a position is blank paper, a filter sees nothing but its own bias, so that all such
// positions (62 % of MNIST's) hold the same value of their filter. The maps are therefore a sum,
//
//   y[s, p, f] = blank[f] + ink[s, p, f],      ink = 0 unless the patch under p has ink
//
// and both layers work on inked positions only. That is exact, and so is the chain rule: dink = dy there, and
// dblank = the sum of dy over all samples and positions. In other words, blank is one more sample, which all
// others are added to.
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
      : blank((filters + kFilterGroup - 1) / kFilterGroup * kFilterGroup),
        dblank_(rows * blank.size()),
        rows_(rows),
        columns_(columns),
        filters_(filters) {}

  // Makes room for batches of up to `samples` images.
  void reserve(std::size_t samples) {
    room_ = samples;
    inked_samples_.resize(positions() * samples);
    inked_.resize(positions());
    ink_.resize(positions() * samples * padded_filters());
    dink_.resize(ink_.size());
  }

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  std::size_t positions() const { return rows_ * columns_; }   // P
  std::size_t filters() const { return filters_; }             // F
  std::size_t padded_filters() const { return blank.size(); }  // F, filled up to whole groups

  // The samples with ink at p, ascending: n of them. Their ink lies side by side, too, in the same order.
  std::span<const std::uint32_t> inked_samples(std::size_t p) const {
    return {&inked_samples_[inked_[p].first], inked_[p].count};
  }
  // The first one's place in ink, dink and all else that a layer keeps in lists like these.
  std::size_t first_inked(std::size_t p) const { return inked_[p].first; }
  float* ink(std::size_t p) { return &ink_[first_inked(p) * padded_filters()]; }    // (n, F)
  float* dink(std::size_t p) { return &dink_[first_inked(p) * padded_filters()]; }  // (n, F)
  const float* ink(std::size_t p) const { return const_cast<PooledMap*>(this)->ink(p); }
  const float* dink(std::size_t p) const { return const_cast<PooledMap*>(this)->dink(p); }

  // Lists the inked samples of a row of positions; has_ink(sample, column) tells. Rows may be done at the
  // same time. Without a branch on the ink: nobody could predict it. Always inlined, because `has_ink` may
  // be compiled for another instruction set and could not be inlined here.
  template <class HasInk>
  [[gnu::always_inline]] void list_inked_samples(std::size_t samples, std::size_t row, HasInk has_ink) {
    std::size_t end = row * columns_ * room_;
    for (std::size_t column = 0; column < columns_; ++column) {
      const std::size_t first = end;
      for (std::size_t s = 0; s < samples; ++s) {
        inked_samples_[end] = static_cast<std::uint32_t>(s);
        end += has_ink(s, column);
      }
      inked_[row * columns_ + column] = {first, end - first};
    }
  }

  // What a row of positions adds to dblank.
  float* dblank(std::size_t row) { return &dblank_[row * padded_filters()]; }  // (F)
  const float* dblank(std::size_t row) const { return const_cast<PooledMap*>(this)->dblank(row); }

  Floats blank;  // (F)

 private:
  struct Inked {
    std::size_t first, count;
  };

  Floats dblank_;  // (rows, F)
  std::size_t rows_, columns_, filters_, room_ = 0;
  std::vector<std::uint32_t> inked_samples_;  // (rows, columns x B): the lists of a row, one after the other
  std::vector<Inked> inked_;                  // (P) where in it a position's list is
  Floats ink_, dink_;                         // (rows, columns x B, F), as inked_samples_
};

}  // namespace nn
