// A model's signature: 16 hexadecimal digits, the same for the same layers and weights in whatever file.
//
//   XXH3 (64 bits, seed 0) of the layers as JSON without spaces and a zero byte; then, for each tensor of
//   network.state(), of its name and shape, as in "dense1.weight (784, 512)", a zero byte, and its values,
//   float32, little-endian, row-major
//
// Buffers, such as those of batch norm, are part of it. Losses, options, class names and whatever else a file
// says are not, nor what a .bin cannot say: rows and columns of the images, dropout, how positions started.
// Weights rounded to float16 are other weights.
//
// XXH3 is one header, which nothing has to be linked with. It is no cryptographic hash: it shows an accident,
// not a forgery.
#pragma once

#include <string>

namespace nn {

class Network;
struct XorNet;

std::string signature(const Network& network);

// Of w1, b1, w2 and b2, float64, little-endian, row-major.
std::string signature(const XorNet& net);

}  // namespace nn
