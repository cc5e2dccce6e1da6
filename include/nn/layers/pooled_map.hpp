// What the convolution hands to the dense layer: pooled maps, of which only the inked positions are kept.
//
// Where the patch under a position is blank paper, a filter sees nothing but its own bias, so that all such
// positions (62 % of MNIST's) hold the same value of their filter. The maps are therefore a sum,
//
//   y[s, p, f] = blank[f] + ink[s, p, f],      ink = 0 unless the patch under p has ink
//
// and both layers work on inked positions only. That is exact, and so is the chain rule: dink = dy there, and
// dblank = the sum of dy over all samples and positions.
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
        dblank(blank.size()),
        rows_(rows),
        columns_(columns),
        filters_(filters) {}

  // Makes room for batches of up to `samples` images.
  void reserve(std::size_t samples) {
    room_ = samples;
    ink_.resize(samples * positions() * padded_filters());
    dink_.resize(ink_.size());
    inked_positions_.resize(samples * positions());
    row_ends_.resize(samples * rows_);
    inked_samples_.resize(positions() * samples);
    inked_samples_count_.resize(positions());
  }

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }
  std::size_t positions() const { return rows_ * columns_; }   // P
  std::size_t filters() const { return filters_; }             // F
  std::size_t padded_filters() const { return blank.size(); }  // F, filled up to whole groups

  // The padded filters of sample s at position p, which must be inked, and the floats from one sample to the
  // next.
  float* ink(std::size_t s, std::size_t p) { return &ink_[s * sample_stride() + p * padded_filters()]; }
  float* dink(std::size_t s, std::size_t p) { return &dink_[s * sample_stride() + p * padded_filters()]; }
  const float* ink(std::size_t s, std::size_t p) const { return const_cast<PooledMap*>(this)->ink(s, p); }
  const float* dink(std::size_t s, std::size_t p) const { return const_cast<PooledMap*>(this)->dink(s, p); }
  std::size_t sample_stride() const { return positions() * padded_filters(); }

  // The inked positions of a sample, ascending. To list them, list_inked_positions() calls add_row(row,
  // add_if) for each row, which is to call add_if(inked, position) for each position.
  std::span<const std::uint32_t> inked_positions(std::size_t s) const {
    return {&inked_positions_[s * positions()], row_ends_[s * rows_ + rows_ - 1]};
  }
  template <class AddRow>
  void list_inked_positions(std::size_t s, AddRow add_row) {
    std::uint32_t *list = &inked_positions_[s * positions()], count = 0;
    for (std::size_t row = 0; row < rows_; ++row) {
      add_row(row, [&](bool inked, std::size_t p) {
        list[count] = static_cast<std::uint32_t>(p);
        count += inked;
      });
      row_ends_[s * rows_ + row] = count;
    }
  }

  // The same the other way round: the samples with ink at p, ascending, once list_inked_samples() has sorted
  // the first `samples` samples' row of positions into lists.
  std::span<const std::uint32_t> inked_samples(std::size_t p) const {
    return {&inked_samples_[p * room_], inked_samples_count_[p]};
  }
  void list_inked_samples(std::size_t samples, std::size_t row) {
    for (std::size_t p = row * columns_; p < (row + 1) * columns_; ++p) inked_samples_count_[p] = 0;
    for (std::size_t s = 0; s < samples; ++s) {
      const std::uint32_t* ends = &row_ends_[s * rows_];
      for (std::size_t i = row == 0 ? 0 : ends[row - 1]; i < ends[row]; ++i) {
        const std::size_t p = inked_positions_[s * positions() + i];
        inked_samples_[p * room_ + inked_samples_count_[p]++] = static_cast<std::uint32_t>(s);
      }
    }
  }

  Floats blank, dblank;  // (F)

 private:
  std::size_t rows_, columns_, filters_, room_ = 0;
  Floats ink_, dink_;                               // (B, P, F), at inked positions only
  std::vector<std::uint32_t> inked_positions_;      // (B, P): so many as
  std::vector<std::uint32_t> row_ends_;             // (B, rows) says: where in a sample's list each row ends
  std::vector<std::uint32_t> inked_samples_;        // (P, B): so many as
  std::vector<std::uint32_t> inked_samples_count_;  // (P) says
};

}  // namespace nn
