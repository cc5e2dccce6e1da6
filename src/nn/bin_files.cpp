#include "nn/files/bin_files.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <initializer_list>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/core/error.hpp"
#include "nn/data/images.hpp"
#include "nn/files/bin.hpp"
#include "nn/files/older_files.hpp"

namespace nn {

namespace {

enum class BinKind { mlp, cnn, attention, none };

bool is_kernel(std::size_t k) {
  return k == 3 || k == 5 || k == 7;
}

std::size_t square_root(std::size_t n) {
  return static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(n))));
}

// A network's text without the layers of which a .bin says nothing.
std::string said_text(const Network& network) {
  std::string text = ", " + network.text();
  for (const char* unsaid : {", dropout ", ", position "}) {
    for (std::size_t at; (at = text.find(unsaid)) != text.npos;) text.erase(at, text.find(',', at + 1) - at);
  }
  return text.substr(2);
}

// The sizes of its tensors make the text of one of the three chains; it is that one if the text is its own.
BinKind kind_of(const Network& network) {
  const std::vector<Tensor*> tensors = network.tensors();
  const auto size = [&](std::size_t tensor, std::size_t axis) {
    return std::to_string(tensors[tensor]->shape[axis]);
  };
  const std::string text = said_text(network), classes = std::to_string(network.classes());
  if (tensors.size() == 4 && text == "dense " + size(1, 0) + ", relu, dense " + classes) return BinKind::mlp;
  if (tensors.size() == 4 && tensors[0]->shape.size() == 4 && is_kernel(tensors[0]->shape[3]) &&
      text == "conv " + size(0, 0) + " " + size(0, 3) + "x" + size(0, 3) + ", relu, max-pool 2, dense " +
                  classes) {
    return BinKind::cnn;
  }
  const Shape& input = network.input_shape();
  if (tensors.size() < 14 || !input.is_image() || input.height() != input.width()) return BinKind::none;
  const std::string patch = std::to_string(square_root(tensors[0]->shape[0])), width = size(1, 0);
  const std::string hidden = std::to_string(tensors[tensors.size() - 5]->shape[0]);
  const bool is_attention = text == "patches " + patch + " " + width + ", relu, attention 1, dense " +
                                        hidden + ", relu, dense " + width + ", mean, dense " + classes;
  return is_attention ? BinKind::attention : BinKind::none;
}

// --- Reading: the older description of the network whose sizes the file begins with, if they account for its
// length; it may be beyond the limits.

using Found = std::optional<nlohmann::json>;

// Sizes of which no product below overflows.
bool plausible(std::initializer_list<std::size_t> sizes, std::size_t largest = kMaxPixels) {
  return std::ranges::all_of(sizes, [&](std::size_t n) { return n >= 1 && n <= largest; });
}

Found mlp_in(const BinReader& file) {
  const std::size_t inputs = file.size_at(0), hidden = file.size_at(4), classes = file.size_at(8);
  if (!plausible({inputs, hidden, classes})) return std::nullopt;
  if (file.file_size() != 12 + 8 * ((inputs + 1) * hidden + (hidden + 1) * classes)) return std::nullopt;
  return nlohmann::json{
      {"kind", "mlp"},
      {"inputs", inputs},
      {"hidden", nlohmann::json::array({{{"units", hidden}, {"activation", "relu"}, {"dropout", 0}}})},
      {"classes", classes}};
}

Found cnn_in(const BinReader& file) {
  const std::size_t filters = file.size_at(0), kernel = file.size_at(8);
  const std::size_t height = file.size_at(12), width = file.size_at(16);
  if (!is_kernel(kernel) || height < 2 || width < 2 || !plausible({height, width}, kMaxImageSide) ||
      !plausible({filters}) || file.size_at(4) != 1) {
    return std::nullopt;
  }
  const std::size_t fc_sizes_at = 20 + 8 * filters * (kernel * kernel + 1);
  const std::size_t inputs = file.size_at(fc_sizes_at), classes = file.size_at(fc_sizes_at + 4);
  if (!plausible({classes}) || inputs != filters * (height / 2) * (width / 2) ||
      file.file_size() != fc_sizes_at + 8 + 8 * (inputs + 1) * classes) {
    return std::nullopt;
  }
  return nlohmann::json{{"kind", "cnn"},      {"height", height}, {"width", width},
                        {"filters", filters}, {"kernel", kernel}, {"classes", classes}};
}

Found attention_in(const BinReader& file) {
  const std::size_t patch = file.size_at(0), tokens = file.size_at(4), width = file.size_at(8);
  const std::size_t hidden = file.size_at(12), classes = file.size_at(16), side = square_root(tokens);
  if (!plausible({patch}, kMaxImageSide) || !plausible({tokens, width, hidden, classes})) return std::nullopt;
  const std::size_t parameters = (patch * patch + 1 + tokens) * width + 3 * (width + 1) * width +
                                 (width + 1) * hidden + (hidden + 1) * width + (width + 1) * classes;
  if (side * side != tokens || file.file_size() != 20 + 8 * parameters) return std::nullopt;
  return nlohmann::json{{"kind", "attention_pool"},
                        {"height", side * patch},
                        {"width", side * patch},
                        {"patch", patch},
                        {"d_model", width},
                        {"ff_dim", hidden},
                        {"heads", 1u},
                        {"position", "sinusoidal"},
                        {"classes", classes}};
}

}  // namespace

bool unsupported_by_bin(const Network& network) {
  return kind_of(network) == BinKind::none;
}

std::size_t save_bin(const Network& network, const std::string& path) {
  const BinKind kind = kind_of(network);
  assert(kind != BinKind::none);
  const std::vector<Tensor*> tensors = network.tensors();
  const std::size_t classes = network.classes();
  BinWriter file;
  if (kind == BinKind::mlp) {
    file.sizes({network.pixels(), tensors[1]->shape[0], classes});
    for (const Tensor* t : tensors) file.tensor(*t);
  } else if (kind == BinKind::cnn) {
    const std::vector<std::size_t>& conv = tensors[0]->shape;  // (F, 1, K, K)
    file.sizes({conv[0], 1, conv[3], network.input_shape().height(), network.input_shape().width()});
    file.tensor(*tensors[0]);
    file.tensor(*tensors[1]);
    file.sizes({tensors[2]->shape[0], classes});
    file.tensor(*tensors[2]);
    file.tensor(*tensors[3]);
  } else {
    const std::size_t patch_pixels = tensors[0]->shape[0], width = tensors[0]->shape[1];
    const std::size_t tokens = network.pixels() / patch_pixels,
                      hidden = tensors[tensors.size() - 5]->shape[0];
    const bool has_positions = tensors.size() == 15;
    file.sizes({square_root(patch_pixels), tokens, width, hidden, classes});
    for (const Tensor* t : tensors) {
      if (t == tensors[2] && !has_positions) file.tensor(Tensor("", {tokens, width}));
      file.tensor(*t);
    }
  }
  return file.save(path);
}

Network load_bin(InputFile input) {
  BinReader file(std::move(input));
  const std::string& path = file.path();
  Found found = mlp_in(file);
  if (!found) found = cnn_in(file);
  if (!found) found = attention_in(file);
  if (!found) {
    throw Error(path, "not a model file, or cut short: the sizes in its header do not account for its " +
                          std::to_string(file.file_size()) +
                          " bytes, expected a model of mnist_mlp, mnist_cnn or mnist_attention_pool");
  }
  Network network = network_of_json(chain_of_older(*found, path), path).build();
  const bool is_cnn = (*found)["kind"] == "cnn";
  file.skip_sizes((*found)["kind"] == "mlp" ? 3 : 5);
  const std::vector<Tensor*> tensors = network.tensors();
  for (Tensor* t : tensors) {
    if (is_cnn && t == tensors[2]) file.skip_sizes(2);
    file.tensor(*t);
  }
  return network;
}

}  // namespace nn
