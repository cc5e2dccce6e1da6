// What happens if a mapped file can no longer be read.
#pragma once

#include "nn/data/images.hpp"

namespace nn::cli {

// If the images are in a mapped file: once a page of it cannot be read, the program ends with a line that
// names the file, and with status 1. What it has written by then, such as checkpoints, stays.
void end_if_lost(const Images& images);

}  // namespace nn::cli
