// The options that decide what network is trained; with the images of a data set they make its shape.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/cli/options.hpp"
#include "nn/core/names.hpp"
#include "nn/data/dataset.hpp"
#include "nn/models/attention_shape.hpp"
#include "nn/models/cnn.hpp"
#include "nn/models/limits.hpp"
#include "nn/models/mlp_shape.hpp"

namespace nn::cli {

namespace detail {
// The numbers in "256,64", each a width in range, or none in "none".
inline std::optional<std::vector<std::size_t>> parse_widths(const std::string& text, std::size_t most,
                                                            std::size_t widest) {
  std::vector<std::size_t> widths;
  if (text == "none") return widths;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto width = parse<std::size_t>(text.substr(begin, end - begin));
    if (!width || *width < 1 || *width > widest || widths.size() == most) return std::nullopt;
    widths.push_back(*width);
    begin = end + 1;
  }
  return widths;
}

template <class Enum, std::size_t N>
void add_word(CLI::App& app, const std::string& name, Enum& value, const std::string& what,
              const Names<Enum, N>& names) {
  add_choice<Enum>(app, name, value, what, {names.begin(), names.end()});
}

// A size from 1 to `largest`, which a model file can hold.
template <std::size_t largest>
void add_size(CLI::App& app, const std::string& name, std::size_t& value, const std::string& what) {
  static_assert(largest <= kMaxLayerSize);
  add_number<std::size_t>(app, name, value, what, 1, largest);
}
}  // namespace detail

struct MlpOptions {
  std::vector<std::size_t> hidden{512};
  Activation activation = Activation::relu;
  Init init = Init::xavier;
  double dropout = 0;

  MlpShape shape(const Dataset& images) const {
    if (hidden.empty() && dropout > 0) {
      throw CLI::ValidationError("--dropout", "found with --hidden none, expected units to drop");
    }
    MlpShape shape{.inputs = images.image_size()};
    for (const std::size_t units : hidden) shape.dense(units, init).activation(activation).dropout(dropout);
    return shape.dense(images.classes, init);
  }
};

inline void add_mlp(CLI::App& app, MlpOptions& o) {
  begin_group(app, "Network");
  constexpr std::size_t most = 16, widest = 16'384;
  static_assert(most <= kMaxHiddenLayers && widest <= kMaxLayerSize);
  const std::string expected = "none, or 1 to " + std::to_string(most) + " whole numbers from 1 to " +
                               std::to_string(widest) + " with commas between them";
  app.add_option_function<std::string>(
         "--hidden", [&o](const std::string& text) { o.hidden = *detail::parse_widths(text, most, widest); },
         "units of each hidden layer: " + expected)
      ->default_str(std::to_string(o.hidden.front()))
      ->type_name("LIST")
      ->check([expected](const std::string& text) {
        return detail::parse_widths(text, most, widest) ? std::string()
                                                        : "found '" + text + "', expected " + expected;
      });
  detail::add_word(app, "--activation", o.activation, "of the hidden layers", kActivationNames);
  detail::add_word(app, "--init", o.init, "how weights start", kInitNames);
  add_number<double>(app, "--dropout", o.dropout, "share of hidden units dropped in training", 0, 0.99);
}

struct CnnOptions {
  std::size_t filters = 8, kernel = 3;

  CnnShape shape(const Dataset& data) const {
    const CnnShape shape{.height = data.images.rows,
                         .width = data.images.cols,
                         .filters = filters,
                         .kernel = kernel,
                         .classes = data.classes};
    shape.check(data.images.source);
    return shape;
  }
};

inline void add_cnn(CLI::App& app, CnnOptions& o) {
  begin_group(app, "Network");
  detail::add_size<1024>(app, "--filters", o.filters, "filters of the convolution");
  add_choice<std::size_t>(app, "--kernel", o.kernel, "pixels a side of a filter",
                          {{"3", 3}, {"5", 5}, {"7", 7}})
      ->type_name("N");
}

struct AttentionOptions {
  std::size_t d_model = 64, ff_dim = 128, heads = 1, patch = 4;
  Position position = Position::sinusoidal;

  AttentionShape shape(const Dataset& data) const {
    if (d_model % heads != 0) {
      throw CLI::ValidationError(
          "--heads",
          "found " + std::to_string(heads) + ", expected a divisor of --d-model, " + std::to_string(d_model));
    }
    const AttentionShape shape{.height = data.images.rows,
                               .width = data.images.cols,
                               .patch = patch,
                               .d_model = d_model,
                               .ff = ff_dim,
                               .heads = heads,
                               .classes = data.classes,
                               .position = position};
    shape.check(data.images.source);
    return shape;
  }
};

inline void add_attention(CLI::App& app, AttentionOptions& o) {
  begin_group(app, "Network");
  detail::add_size<4096>(app, "--d-model", o.d_model, "embedding size: how many numbers a token has");
  detail::add_size<16'384>(app, "--ff-dim", o.ff_dim, "units of the hidden layer after attention");
  detail::add_size<kMaxHeads>(app, "--heads", o.heads, "heads of attention, a divisor of --d-model");
  detail::add_size<256>(app, "--patch", o.patch, "pixels a side of a patch, a divisor of the image's");
  detail::add_word(app, "--position", o.position, "what a token is told of its place", kPositionNames);
}

}  // namespace nn::cli
