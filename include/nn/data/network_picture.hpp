// Pictures of any size as a network is shown them: prepared as those that it has learned from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "nn/data/png.hpp"
#include "nn/data/preparation.hpp"
#include "nn/data/prepare.hpp"
#include "nn/data/screen.hpp"

namespace nn {

// What a network is shown: 0 paper .. 255 ink.
struct NetworkPicture {
  std::size_t rows = 0, cols = 0;
  std::vector<std::uint8_t> pixels{};        // (rows, cols)
  RejectReason reject = RejectReason::none;  // of a picture that was not prepared always this
};

// A picture of any size as a network for images of (rows, cols) is shown it. Digits and drawings are square.
NetworkPicture prepare(const GreyPicture& picture, const Preparation& preparation, std::size_t rows,
                       std::size_t cols);

// What strokes are drawn on, in their points' unit, from 0, 0 to its width and height. Digits and drawings
// are found wherever they are; a model of whole pictures sees all of it.
struct Canvas {
  double width = 0, height = 0;
};

// The same of a drawing, made with a pen of the width `pen`, on screen: what is not larger is too small.
// Pictures need a pen and a canvas above 0.
NetworkPicture prepare(std::span<const Stroke> strokes, double pen, const Canvas& canvas,
                       const Preparation& preparation, std::size_t rows, std::size_t cols);

// Scaled by a triangle filter as wide as a pixel of the result, which is Pillow's BILINEAR, within a step of
// 1/255.
GreyPicture resized(const GreyPicture& picture, std::size_t rows, std::size_t cols);

}  // namespace nn
