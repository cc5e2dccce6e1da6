// ReadAhead: has the disk read the images of a mapped file before they are used.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "nn/data/dataset.hpp"
#include "nn/data/epoch_order.hpp"
#include "nn/files/mapped_file.hpp"

namespace nn {

// While the images of one window of the order are used, those of the next are read, in the order of the file:
// images side by side in one go. Keeps references to what it is given; the order may change between epochs.
class ReadAhead {
 public:
  ReadAhead(const Dataset& data, std::span<const std::uint32_t> order, std::size_t batch_size)
      : data_(&data), order_(order), window_(shuffle_parts(order.size(), data.image_size()).window) {
    if (window_ == 0) window_ = std::max(kMinWindow, batch_size);
  }

  // The images at positions first .. last - 1 are used next. Asks in a few large steps, not at every batch.
  void advance(std::size_t first, std::size_t last) {
    const std::size_t window = first / window_;
    if (next_ != window + 1) {
      if (next_ != window) sort_images_of(window);  // an epoch begins, or a run goes on
      request(images_.size());
      sort_images_of(window + 1);
    }
    const std::size_t step = std::max<std::size_t>(1, window_ / 16), used = (last - window * window_) / step;
    request(std::min(images_.size(), images_.size() * (used + 1) * step / window_));
  }

 private:
  static constexpr std::size_t kMinWindow = 1024;  // images, of an order in which each is a read of its own

  // Whether the disk had to be read since it was last asked. Where all of a file is in memory, reading ahead
  // would cost time for nothing: 1 us an image, of 3.7 us that mnist_cnn needs in all.
  bool disk_was_read() {
    const long before = std::exchange(blocks_read_, blocks_read());
    return blocks_read_ != before;
  }

  // The images of that window of the order, by their place in the file.
  void sort_images_of(std::size_t window) {
    const std::size_t begin = std::min(window * window_, order_.size());
    const auto part = order_.subspan(begin, std::min(window_, order_.size() - begin));
    images_.assign(part.begin(), part.end());
    std::ranges::sort(images_);
    done_ = 0;
    next_ = window;
  }

  // Asks the disk for the first `count` of these images, but for those it was asked for before.
  void request(std::size_t count) {
    if (count == done_) return;
    const bool needs_disk = disk_was_read();
    constexpr std::ptrdiff_t kGap = 16 << 10;  // bytes, read in less time than another request takes
    std::span<const std::uint8_t> part;
    for (; done_ < count; ++done_) {
      if (!needs_disk) continue;
      const std::span<const std::uint8_t> image = data_->image(images_[done_]);
      if (!part.empty() && &image.front() - &part.back() <= kGap) {
        part = {&part.front(), &image.back() + 1};
      } else {
        read_ahead(part);
        part = image;
      }
    }
    read_ahead(part);
  }

  const Dataset* data_;
  std::span<const std::uint32_t> order_;
  std::size_t window_;                      // images
  std::vector<std::uint32_t> images_;       // of window `next_`, ascending
  std::size_t next_ = SIZE_MAX, done_ = 0;  // the disk was asked for the first `done_` images
  long blocks_read_ = 0;                    // when it was asked last
};

}  // namespace nn
