// Mini-batches: the images of a batch side by side, in the order of an epoch.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "nn/core/parallel.hpp"
#include "nn/data/augment.hpp"
#include "nn/data/batch.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/read_ahead.hpp"

namespace nn {

// Every image of a data set, in its own order.
inline std::vector<std::uint32_t> all_images(const Dataset& data) {
  std::vector<std::uint32_t> order(data.size());
  std::iota(order.begin(), order.end(), 0u);
  return order;
}

// Cuts `order`, image numbers of a data set, into batches of `batch_size`; the last one may be smaller. Keeps
// references to all it is given; the order may change between epochs.
class Batches {
 public:
  Batches(const Dataset& data, std::span<const std::uint32_t> order, std::size_t batch_size,
          const Augmenter* augmenter = nullptr)
      : data_(&data),
        order_(order),
        batch_size_(std::min(batch_size, std::max<std::size_t>(1, order.size()))),
        augmenter_(augmenter),
        pixels_(batch_size_ * data.image_size()),
        labels_(batch_size_),
        ahead_(data, order, batch_size_) {
    assert(batch_size >= 1);
  }

  std::size_t count() const { return (order_.size() + batch_size_ - 1) / batch_size_; }
  std::size_t samples() const { return order_.size(); }
  std::size_t largest() const { return batch_size_; }  // images of the largest batch
  std::size_t size(std::size_t b) const { return std::min(batch_size_, samples() - b * batch_size_); }

  // The b-th batch of the order, valid until the next call. How an image is augmented depends on the epoch
  // and the image only.
  Batch batch(std::size_t b, ThreadTeam& team, std::size_t epoch = 0) {
    return part(b, 0, size(b), team, epoch);
  }
  // `size` images of it from the `begin`-th on.
  Batch part(std::size_t b, std::size_t begin, std::size_t size, ThreadTeam& team, std::size_t epoch) {
    const std::size_t first = b * batch_size_ + begin;
    const std::size_t image_size = data_->image_size();
    if (data_->images.bytes.is_mapped()) ahead_.advance(b * batch_size_, b * batch_size_ + this->size(b));
    team.parallel_for((size + kBlock - 1) / kBlock, [&](std::size_t block) {
      for (std::size_t i = block * kBlock; i < std::min(size, (block + 1) * kBlock); ++i) {
        prefetch(first + i + 4);
        prefetch(first + i + batch_size_);
        const std::size_t sample = order_[first + i];
        const std::span<std::uint8_t> place = std::span(pixels_).subspan(i * image_size, image_size);
        if (augmenter_ != nullptr) {
          augmenter_->apply(data_->image(sample), epoch * data_->size() + sample, place);
        } else {
          std::ranges::copy(data_->image(sample), place.begin());
        }
        labels_[i] = data_->label(sample);
      }
    });
    return {size, {pixels_.data(), size * image_size}, {labels_.data(), size}};
  }

 private:
  static constexpr std::size_t kBlock = 16;  // images

  // Asks memory for an image of this batch or the next: a shuffled order is nothing a processor can foresee.
  void prefetch(std::size_t position) const {
    if (position >= samples()) return;
    const std::span<const std::uint8_t> image = data_->image(order_[position]);
    for (std::size_t byte = 0; byte < image.size(); byte += 64) __builtin_prefetch(&image[byte]);
  }

  const Dataset* data_;
  std::span<const std::uint32_t> order_;
  std::size_t batch_size_;
  const Augmenter* augmenter_;
  std::vector<std::uint8_t> pixels_;  // (batch_size, rows * cols)
  std::vector<std::uint8_t> labels_;  // (batch_size)
  ReadAhead ahead_;
};

}  // namespace nn
