// Of nn/data/png.hpp what pictures need that a browser has read: no libpng.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nn {

struct GreyPicture {
  std::size_t rows = 0, cols = 0;
  std::vector<std::uint8_t> pixels{};  // (rows, cols), 0 black .. 255 white
};

}  // namespace nn
