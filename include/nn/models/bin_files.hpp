// Models to and from .bin files (little-endian). Which network a file holds is told by its sizes: they must
// account for its length to the byte.
//
//   Mlp            int32 inputs, hidden, outputs; float64 W1 (inputs, hidden), b1, W2 (hidden, outputs), b2
//   Cnn            int32 out_channels, in_channels = 1, kernel, height, width; float64 conv W (out_channels,
//                  kernel * kernel), b; int32 fc_in, fc_out; float64 FC W (fc_in, fc_out), b
//   AttentionPool  int32 patch, tokens, d_model, ff, classes; float64 Wp bp pos Wq bq Wk bk Wv bv W1 b1 W2 b2
//                  Wcls bcls
#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "nn/files/bin.hpp"
#include "nn/models/any_model.hpp"
#include "nn/models/network_json.hpp"
#include "nn/models/xor_net.hpp"

namespace nn {

// What the format cannot say of a network; "" if nothing. Dropout and positions are what training does: a
// trained network is the same without them.
inline std::string beyond_bin(const MlpShape& shape) {
  if (shape.layers.size() != 2) return std::to_string(shape.layers.size() - 1) + " hidden layers";
  const Activation f = shape.layers.front().activation;
  return f == Activation::relu ? "" : std::string("the activation ") + name_of(kActivationNames, f);
}
inline std::string beyond_bin(const CnnShape&) {
  return "";
}
inline std::string beyond_bin(const AttentionShape& shape) {
  if (shape.heads != 1) return std::to_string(shape.heads) + " heads";
  if (shape.height == shape.width) return "";
  return "images of " + std::to_string(shape.height) + " x " + std::to_string(shape.width) + " pixels";
}

// Each save_bin returns the file's size in bytes; throws Error if it cannot be written. The format must be
// able to say the network.

inline std::size_t save_bin(Mlp& model, const std::string& path) {
  assert(beyond_bin(model.shape()).empty());
  const std::vector<Tensor*> tensors = model.tensors();
  BinWriter file;
  file.sizes({model.inputs(), tensors[0]->shape[1], model.classes()});
  for (const Tensor* t : tensors) file.tensor(*t);
  return file.save(path);
}

// The same format as Mlp's, with one output.
inline std::size_t save_bin(const XorNet& net, const std::string& path) {
  BinWriter file;
  file.sizes({2, net.hidden(), 1});
  for (const std::vector<double>& values : {net.w1, net.b1, net.w2, {net.b2}}) file.values(std::span(values));
  return file.save(path);
}

inline std::size_t save_bin(Cnn& model, const std::string& path) {
  const CnnShape& shape = model.shape();
  const auto tensors = model.tensors();  // conv W, b, FC W, b
  BinWriter file;
  file.sizes({shape.filters, 1, shape.kernel, shape.height, shape.width});
  file.tensor(*tensors[0]);
  file.tensor(*tensors[1]);
  file.sizes({tensors[2]->shape[0], tensors[2]->shape[1]});
  file.tensor(*tensors[2]);
  file.tensor(*tensors[3]);
  return file.save(path);
}

inline std::size_t save_bin(AttentionPool& model, const std::string& path) {
  assert(beyond_bin(model.shape()).empty());
  const AttentionShape& shape = model.shape();
  BinWriter file;
  file.sizes({shape.patch, shape.tokens(), shape.d_model, shape.ff, shape.classes});
  for (const Tensor* t : model.tensors()) file.tensor(*t);
  return file.save(path);
}

namespace detail {
// Sizes of which no product below overflows.
inline bool plausible(std::initializer_list<std::size_t> sizes, std::size_t largest = kMostPixels) {
  return std::ranges::all_of(sizes, [&](std::size_t n) { return n >= 1 && n <= largest; });
}

// The network whose sizes the file begins with, if they account for its length; it may be beyond the limits.

inline std::optional<MlpShape> mlp_in(const BinReader& file) {
  const std::size_t inputs = file.size_at(0), hidden = file.size_at(4), outputs = file.size_at(8);
  if (!plausible({inputs, hidden, outputs})) return std::nullopt;
  const MlpShape shape = Mlp::input(inputs).dense(hidden).relu().dense(outputs);
  return file.file_size() == 12 + 8 * shape.parameters() ? std::optional(shape) : std::nullopt;
}

inline std::optional<CnnShape> cnn_in(const BinReader& file) {
  CnnShape shape{.height = file.size_at(12),
                 .width = file.size_at(16),
                 .filters = file.size_at(0),
                 .kernel = file.size_at(8)};
  const bool runs = CnnShape::is_kernel(shape.kernel) && shape.height >= 2 && shape.width >= 2;
  if (!runs || !plausible({shape.height, shape.width}, kLargestImageSide) || !plausible({shape.filters}) ||
      file.size_at(4) != 1) {
    return std::nullopt;
  }
  const std::size_t fc_sizes_at = 20 + 8 * shape.filters * (shape.kernel * shape.kernel + 1);
  shape.classes = file.size_at(fc_sizes_at + 4);
  const bool fits = plausible({shape.classes}) &&
                    file.size_at(fc_sizes_at) == shape.filters * (shape.height / 2) * (shape.width / 2) &&
                    file.file_size() == 28 + 8 * shape.parameters();
  return fits ? std::optional(shape) : std::nullopt;
}

inline std::optional<AttentionShape> attention_in(const BinReader& file) {
  const std::size_t patch = file.size_at(0), tokens = file.size_at(4);
  AttentionShape shape{.patch = patch, .d_model = file.size_at(8), .ff = file.size_at(12)};
  shape.classes = file.size_at(16);
  if (!plausible({patch}, kLargestImageSide) ||
      !plausible({tokens, shape.d_model, shape.ff, shape.classes})) {
    return std::nullopt;
  }
  const auto side = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(tokens))));
  shape.height = shape.width = side * patch;
  const bool fits = side * side == tokens && file.file_size() == 20 + 8 * shape.parameters();
  return fits ? std::optional(shape) : std::nullopt;
}
}  // namespace detail

// Throws Error if the file is missing, is none of the three, is cut short, is of a network beyond the limits,
// or holds a NaN.
inline AnyModel load_bin(const std::string& path) {
  BinReader file(path);
  if (const auto shape = detail::mlp_in(file)) {
    check_limits(*shape, path);
    Mlp model(*shape);
    file.skip_sizes(3);
    for (Tensor* t : model.tensors()) file.tensor(*t);
    return model;
  }
  if (const auto shape = detail::cnn_in(file)) {
    check_limits(*shape, path);
    Cnn model(*shape);
    const auto tensors = model.tensors();
    file.skip_sizes(5);
    file.tensor(*tensors[0]);
    file.tensor(*tensors[1]);
    file.skip_sizes(2);
    file.tensor(*tensors[2]);
    file.tensor(*tensors[3]);
    return model;
  }
  if (const auto shape = detail::attention_in(file)) {
    check_limits(*shape, path);
    AttentionPool model(*shape);
    file.skip_sizes(5);
    for (Tensor* t : model.tensors()) file.tensor(*t);
    return model;
  }
  throw Error(path, "not a model file, or cut short: the sizes in its header do not account for its " +
                        std::to_string(file.file_size()) +
                        " bytes, expected a model of mnist_mlp, mnist_cnn or mnist_attention_pool");
}

}  // namespace nn
