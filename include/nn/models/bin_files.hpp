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
#include <cmath>
#include <string>
#include <variant>

#include "nn/files/bin.hpp"
#include "nn/models/attention_pool.hpp"
#include "nn/models/cnn.hpp"
#include "nn/models/mlp.hpp"
#include "nn/models/xor_net.hpp"

namespace nn {

// Each save_bin returns the file's size in bytes; throws Error if it cannot be written.

// The network must be what the format can say: one hidden layer.
inline std::size_t save_bin(Mlp& model, const std::string& path) {
  const std::vector<Tensor*> tensors = model.tensors();
  assert(tensors.size() == 4);
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
  const AttentionShape& shape = model.shape();
  BinWriter file;
  file.sizes({shape.patch, shape.tokens(), shape.d_model, shape.ff, shape.classes});
  for (const Tensor* t : model.tensors()) file.tensor(*t);
  return file.save(path);
}

namespace detail {
inline bool plausible(std::initializer_list<std::size_t> sizes) {  // so that no product of them overflows
  return std::ranges::all_of(sizes, [](std::size_t n) { return n >= 1 && n <= 65536; });
}

inline bool holds_mlp(const BinReader& file) {
  const std::size_t inputs = file.size_at(0), hidden = file.size_at(4), outputs = file.size_at(8);
  return plausible({inputs, hidden, outputs}) &&
         file.file_size() == 12 + 8 * (inputs * hidden + hidden + hidden * outputs + outputs);
}

inline bool holds_cnn(const BinReader& file) {
  const std::size_t filters = file.size_at(0), kernel = file.size_at(8), height = file.size_at(12),
                    width = file.size_at(16);
  const bool runs = (kernel == 3 || kernel == 5 || kernel == 7) && height >= 2 && width >= 2;
  if (!plausible({filters, height, width}) || file.size_at(4) != 1 || !runs) return false;
  const std::size_t fc_sizes_at = 20 + 8 * filters * (kernel * kernel + 1);
  const std::size_t fc_in = file.size_at(fc_sizes_at), fc_out = file.size_at(fc_sizes_at + 4);
  return plausible({fc_out}) && fc_in == filters * (height / 2) * (width / 2) &&
         file.file_size() == fc_sizes_at + 8 + 8 * (fc_in * fc_out + fc_out);
}

inline bool holds_attention(const BinReader& file) {
  const std::size_t patch = file.size_at(0), tokens = file.size_at(4), d = file.size_at(8),
                    ff = file.size_at(12), classes = file.size_at(16);
  const std::size_t side = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(tokens))));
  return plausible({patch, tokens, d, ff, classes}) && side * side == tokens &&
         file.file_size() == 20 + 8 * (patch * patch * d + d + tokens * d + 3 * (d * d + d) + d * ff + ff +
                                       ff * d + d + d * classes + classes);
}
}  // namespace detail

using AnyModel = std::variant<Mlp, Cnn, AttentionPool>;

// Throws Error if the file is missing, is none of the three, is cut short, or holds a NaN.
inline AnyModel load_bin(const std::string& path) {
  BinReader file(path);
  SimpleRng any(1);  // the weights it draws are overwritten
  if (detail::holds_mlp(file)) {
    Mlp model({file.size_at(0), file.size_at(4), file.size_at(8)}, any);
    file.skip_sizes(3);
    for (Tensor* t : model.tensors()) file.tensor(*t);
    return model;
  }
  if (detail::holds_cnn(file)) {
    const std::size_t filters = file.size_at(0), kernel = file.size_at(8);
    const std::size_t classes = file.size_at(20 + 8 * filters * (kernel * kernel + 1) + 4);
    Cnn model({.height = file.size_at(12),
               .width = file.size_at(16),
               .filters = filters,
               .kernel = kernel,
               .classes = classes},
              any);
    const auto tensors = model.tensors();
    file.skip_sizes(5);
    file.tensor(*tensors[0]);
    file.tensor(*tensors[1]);
    file.skip_sizes(2);
    file.tensor(*tensors[2]);
    file.tensor(*tensors[3]);
    return model;
  }
  if (detail::holds_attention(file)) {
    const auto side = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(file.size_at(4)))));
    AttentionShape shape;
    shape.height = shape.width = side * file.size_at(0);
    shape.patch = file.size_at(0);
    shape.d_model = file.size_at(8);
    shape.ff = file.size_at(12);
    shape.classes = file.size_at(16);
    AttentionPool model(shape, any);
    file.skip_sizes(5);
    for (Tensor* t : model.tensors()) file.tensor(*t);
    return model;
  }
  throw Error(path, "not a model file, or cut short: the sizes in its header do not account for its " +
                        std::to_string(file.file_size()) +
                        " bytes, expected a .bin of mnist_mlp, mnist_cnn or mnist_attention_pool");
}

}  // namespace nn
