// Networks to and from .bin files (little-endian), which can hold three chains. Which one a file holds is
// told by its sizes: they must account for its length to the byte. float64 values follow the int32 sizes.
//
//   dense H, relu, dense K
//       inputs, H, K; W1 (inputs, H), b1, W2 (H, K), b2
//   conv F KxK, relu, max-pool 2, dense K, with a kernel of 3, 5 or 7
//       F, 1, K, height, width; W (F, K * K), b; inputs of dense, its outputs; W (inputs, outputs), b
//   patches P D, position START, relu, attention 1, dense F, relu, dense D, mean, dense K, of square images
//       P, tokens, D, F, K; Wp bp pos Wq bq Wk bk Wv bv W1 b1 W2 b2 Wcls bcls
//
// Dropout, and how positions started, are what training does: a file says nothing of them. A network without
// positions has zeros in their place.
#pragma once

#include <cstddef>
#include <string>

#include "nn/files/read_file.hpp"
#include "nn/network.hpp"

namespace nn {

// Whether it is none of the three.
bool unsupported_by_bin(const Network& network);

// Returns the file's size in bytes. The format must support the network. Throws Error if it cannot be
// written.
std::size_t save_bin(const Network& network, const std::string& path);

// Throws Error if the file is none of the three, is cut short, is of a network beyond the limits, or holds a
// NaN.
Network load_bin(InputFile file);

}  // namespace nn
