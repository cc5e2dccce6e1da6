#include "nn/recognizer/recognizer.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <utility>

#include "nn/core/tensor.hpp"
#include "nn/core/text.hpp"
#include "nn/data/class_names.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"

namespace nn {

namespace {

// Whether they have as many classes, and there are images that both take.
bool go_together(const Network& a, const Network& b) {
  const Shape &x = a.input_shape(), &y = b.input_shape();
  const bool same_images = x.is_image() && y.is_image() ? x == y : x.size() == y.size();
  return same_images && a.classes() == b.classes();
}

std::string brief(const Network& network, bool transpose, const Preparation& preparation) {
  return std::to_string(network.classes()) + " classes for " + network.pixels_text() +
         (transpose ? ", transposed" : "") +
         (preparation == Preparation{} ? "" : ", prepared as " + to_text(preparation));
}

// The network that says most of the images: any that knows their rows and columns, else the first.
const Network& most_exact(std::span<const Network> networks) {
  const auto found =
      std::ranges::find_if(networks, [](const Network& n) { return n.input_shape().is_image(); });
  return found == networks.end() ? networks.front() : *found;
}

}  // namespace

Recognizer::Recognizer(const std::string& path, StoredModel model)
    : paths_{path},
      signatures_{model.signature},
      class_names_(std::move(model.class_names)),
      preparation_(model.preparation),
      transpose_(model.transpose) {
  networks_.push_back(std::move(model.network));
  find_size();
}

void Recognizer::add(const std::string& path, StoredModel model) {
  for (std::size_t i = 0; i < networks_.size(); ++i) {
    const bool same_pictures = model.transpose == transpose_ && model.preparation == preparation_;
    if (same_pictures && go_together(model.network, networks_[i])) continue;
    throw Error(path, brief(model.network, model.transpose, model.preparation) + ", expected " +
                          brief(networks_[i], transpose_, preparation_) + ", as " + paths_[i] + " has");
  }
  paths_.push_back(path);
  signatures_.push_back(model.signature);
  networks_.push_back(std::move(model.network));
  find_size();
}

void Recognizer::find_size() {
  const Network& network = most_exact(networks_);
  const Shape& input = network.input_shape();
  const auto side = static_cast<std::size_t>(std::lround(std::sqrt(network.pixels())));
  const bool is_square = side * side == network.pixels();
  has_rows_ = input.is_image() || is_square;
  rows_ = input.is_image() ? input.height() : is_square ? side : 1;
  cols_ = network.pixels() / rows_;
}

std::string Recognizer::name() const {
  return join(paths_, ",");
}

std::size_t Recognizer::known_classes() const {
  return class_names_.size() - has_outlier_class(class_names_);
}

bool Recognizer::takes(std::size_t rows, std::size_t cols) const {
  return std::ranges::all_of(networks_, [&](const Network& network) { return network.takes(rows, cols); });
}

std::string Recognizer::pixels_text() const {
  return most_exact(networks_).pixels_text();
}

bool Recognizer::can_prepare() const {
  return has_rows_ && nn::can_prepare(preparation_, rows_, cols_);
}

void Recognizer::check_can_prepare() const {
  if (can_prepare()) return;
  throw Error(name(), "found a network for " + pixels_text() + ", expected " +
                          (is_of(Preparation::Kind::digits)
                               ? "one for 28 x 28 pixels, or one that says how its pictures were prepared"
                               : "one for a square"));
}

NetworkPicture Recognizer::prepare(const GreyPicture& picture) const {
  return nn::prepare(picture, preparation_, rows_, cols_);
}

NetworkPicture Recognizer::prepare(std::span<const Stroke> strokes, double pen, const Canvas& canvas) const {
  return nn::prepare(strokes, pen, canvas, preparation_, rows_, cols_);
}

std::vector<Recognition> Recognizer::recognise(std::span<const NetworkPicture> pictures, ThreadTeam& team) {
  std::vector<std::uint8_t> pixels;  // of those that the networks are asked about, side by side
  for (const NetworkPicture& picture : pictures) {
    if (picture.reject != RejectReason::none) continue;
    assert(takes(picture.rows, picture.cols));
    pixels.insert(pixels.end(), picture.pixels.begin(), picture.pixels.end());
  }
  std::vector<float> log_p;  // (B, K)
  if (!pixels.empty()) {
    const Batch batch{.size = pixels.size() / networks_.front().pixels(), .pixels = pixels, .labels = {}};
    log_p = log_probabilities(networks_, batch, team);
  }
  std::vector<Recognition> all;
  std::span<const float> rest = log_p;
  for (const NetworkPicture& picture : pictures) {
    if (picture.reject != RejectReason::none) {
      all.push_back({picture.reject, to_text(picture.reject)});
      continue;
    }
    std::vector<float> p;
    for (const float v : rest.first(classes())) p.push_back(std::exp(v));
    rest = rest.subspan(classes());
    all.push_back(recognition_of(std::move(p)));
  }
  return all;
}

Recognition Recognizer::recognise(const NetworkPicture& picture, ThreadTeam& team) {
  return std::move(recognise(std::span(&picture, 1), team).front());
}

Recognition Recognizer::recognition_of(std::vector<float> p) const {
  if (!finite(std::span<const float>(p))) throw not_finite(name());
  const std::size_t likeliest = argmax(p);
  const bool is_outlier = likeliest >= known_classes(), is_digits = is_of(Preparation::Kind::digits);
  p.resize(known_classes());
  if (is_outlier) {
    const RejectReason reject = is_digits ? RejectReason::not_one_digit : RejectReason::not_one_drawing;
    return {reject, to_text(reject), {}, std::move(p)};
  }
  if (static_cast<double>(p[likeliest]) < threshold_) {
    return {RejectReason::not_sure, to_text(RejectReason::not_sure), {}, std::move(p)};
  }
  return {RejectReason::none, is_digits ? to_text(RejectReason::none) : "recognised", likeliest,
          std::move(p)};
}

Error not_finite(const std::string& path) {
  return Error(path, "its predictions are NaN or infinite, expected a trained model");
}

}  // namespace nn
