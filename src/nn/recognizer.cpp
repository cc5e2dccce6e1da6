// nn/recognizer.h: the library behind an interface that no exception crosses.
#include "nn/recognizer.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/text.hpp"
#include "nn/data/class_names.hpp"
#include "nn/data/network_picture.hpp"
#include "nn/data/prepare.hpp"
#include "nn/files/model_files.hpp"
#include "nn/layers/attention.hpp"
#include "nn/layers/patches.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/network.hpp"

struct nn_recognizer {
  explicit nn_recognizer(nn::StoredModel model, std::string name_)
      : name(std::move(name_)),
        network(std::move(model.network)),
        class_names(std::move(model.class_names)),
        preparation(model.preparation),
        text(network.text()) {
    const nn::Shape& input = network.input_shape();
    const std::size_t side = static_cast<std::size_t>(std::lround(std::sqrt(network.pixels())));
    const bool is_square = side * side == network.pixels();
    rows = input.is_image() ? input.height() : is_square ? side : 1;
    cols = network.pixels() / rows;
  }

  std::size_t known_classes() const { return class_names.size() - nn::has_outlier_class(class_names); }

  std::string name;  // of the model, in messages
  nn::Network network;
  std::vector<std::string> class_names;  // (K)
  nn::Preparation preparation;
  std::string text;        // of the network
  std::size_t rows, cols;  // of its images
  double threshold = 0.4;
  nn::ThreadTeam team{1};
  char error[NN_RECOGNIZER_ERROR_SIZE] = "";

  // Of the last recognition.
  std::vector<std::uint8_t> pixels;  // (rows, cols)
  std::vector<float> probabilities;  // (K); empty if the network was not asked
  std::vector<float> saliency, attention;
};

namespace nn {
namespace {

int verdict_of(RejectReason reason) {
  switch (reason) {
    case RejectReason::none:
      return NN_RECOGNIZED;
    case RejectReason::nothing_drawn:
      return NN_NOTHING_DRAWN;
    case RejectReason::too_small:
      return NN_TOO_SMALL;
    case RejectReason::lines_across:
      return NN_LINES_ACROSS;
    case RejectReason::not_one_digit:
      return NN_NOT_ONE_DIGIT;
    case RejectReason::not_one_drawing:
      return NN_NOT_ONE_DRAWING;
  }
  return NN_NOT_SURE;
}

constexpr double kLargestCoordinate = 1e9;

void put_text(const char* text, char* to, std::size_t size) {
  if (!to || size == 0) return;
  std::snprintf(to, size, "%s", text);
  std::size_t end = std::string_view(to).size();
  while (end > 0 && !is_utf8({to, end})) --end;  // cut in the middle of a character
  to[end] = '\0';
  std::replace_if(to, to + end, is_control_character, ' ');
}

// Runs `action` and turns what it throws into a text; whether it came to its end.
template <class Action>
bool without_exceptions(char* error, std::size_t error_size, Action action) noexcept {
  try {
    put_text("", error, error_size);
    action();
    return true;
  } catch (const std::bad_alloc&) {
    put_text("memory ran out", error, error_size);
  } catch (const std::exception& exception) {
    put_text(exception.what(), error, error_size);
  } catch (...) {
    put_text("failed for an unknown reason", error, error_size);
  }
  return false;
}

template <class Action>
int status_of(nn_recognizer* r, Action action) noexcept {
  return without_exceptions(r->error, sizeof r->error, action) ? 0 : -1;
}

Error refused(const std::string& what, const std::string& found, const std::string& expected) {
  return Error(what, "found " + found + ", expected " + expected);
}

void ask_network(nn_recognizer& r) {
  const Batch batch{.size = 1, .pixels = r.pixels, .labels = {}};
  const std::span<const float> logits = r.network.forward(batch, {r.team});
  std::vector<float> p(logits.begin(), logits.end());
  softmax(p);
  if (!finite(std::span<const float>(p))) {
    throw Error(r.name, "its predictions are NaN or infinite, expected a trained model");
  }
  r.probabilities = std::move(p);
}

// Asks the network about r.pixels unless they were rejected.
void recognise(nn_recognizer& r, RejectReason reject, nn_recognition& result) {
  r.probabilities.clear();
  const bool is_of_digits = r.preparation.kind == Preparation::Kind::digits;
  int label = -1;
  bool is_sure = true;
  if (reject == RejectReason::none) {
    ask_network(r);
    const std::size_t likeliest = argmax(r.probabilities);
    if (likeliest >= r.known_classes()) {
      reject = is_of_digits ? RejectReason::not_one_digit : RejectReason::not_one_drawing;
    } else if (static_cast<double>(r.probabilities[likeliest]) < r.threshold) {
      is_sure = false;
    } else {
      label = static_cast<int>(likeliest);
    }
  }
  result = {.verdict = is_sure ? verdict_of(reject) : NN_NOT_SURE,
            .verdict_text = !is_sure                                        ? "not sure"
                            : reject == RejectReason::none && !is_of_digits ? "recognised"
                                                                            : to_text(reject),
            .label = label,
            .name = label < 0 ? nullptr : r.class_names[static_cast<std::size_t>(label)].c_str(),
            .probabilities = r.probabilities.empty() ? nullptr : r.probabilities.data(),
            .classes = r.known_classes(),
            .pixels = r.pixels.data(),
            .rows = r.rows,
            .cols = r.cols};
}

void recognise(nn_recognizer& r, const Prepared& prepared, nn_recognition& result) {
  r.pixels.clear();
  for (const double ink : prepared.picture) {
    r.pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * ink)));
  }
  recognise(r, prepared.reject, result);
}

bool is_of(const nn_recognizer& r, Preparation::Kind kind) {
  return r.preparation.kind == kind;
}

// Digits are prepared for 28x28, other drawings for squares.
void check_can_prepare(const nn_recognizer& r) {
  const std::string found = "a network for " + r.network.pixels_text();
  if (is_of(r, Preparation::Kind::digits) && !r.network.takes(kDigitSide, kDigitSide)) {
    throw refused(r.name, found, "one for 28 x 28 pixels");
  }
  if (is_of(r, Preparation::Kind::drawings) && r.rows != r.cols) throw refused(r.name, found, "a square");
}

std::vector<Stroke> strokes_of(const double* points, std::span<const std::size_t> lengths) {
  std::size_t count = 0;
  for (const std::size_t length : lengths) {
    if (length > NN_RECOGNIZER_MAX_POINTS || (count += length) > NN_RECOGNIZER_MAX_POINTS) {
      throw refused("drawing", "more than " + std::to_string(NN_RECOGNIZER_MAX_POINTS) + " points",
                    "at most as many");
    }
  }
  std::vector<Stroke> strokes;
  for (const std::size_t length : lengths) {
    Stroke& stroke = strokes.emplace_back();
    for (std::size_t i = 0; i < length; ++i, points += 2) {
      for (const double v : {points[0], points[1]}) {
        if (!(std::abs(v) <= kLargestCoordinate)) {
          throw refused("drawing", "a coordinate that is NaN or beyond 1e9", "numbers");
        }
      }
      stroke.push_back({points[0], points[1]});
    }
  }
  return strokes;
}

std::string size_text(std::size_t rows, std::size_t cols) {
  return std::to_string(rows) + " x " + std::to_string(cols) + " pixels";
}

void check_picture(std::size_t rows, std::size_t cols) {
  if (rows > 0 && cols > 0 && rows <= NN_RECOGNIZER_MAX_PIXELS / cols) return;
  throw refused("picture", size_text(rows, cols),
                "1 to " + std::to_string(NN_RECOGNIZER_MAX_PIXELS) + " pixels");
}

template <class L>
L* first_of(const std::vector<std::unique_ptr<Layer>>& layers) {
  for (const auto& layer : layers) {
    if (auto* found = dynamic_cast<L*>(layer.get())) return found;
    if (!layer->inner()) continue;
    if (auto* found = first_of<L>(*layer->inner())) return found;
  }
  return nullptr;
}

// Without fusions, which keep neither the attention nor the way back to the pixels.
void explain(nn_recognizer& r, nn_explanation& result) {
  const Batch batch{.size = 1, .pixels = r.pixels, .labels = {}};
  const Pass pass{r.team};
  const std::span<const float> logits = r.network.forward(batch, pass);

  // log(p / (1 - p)) = z_label - log sum of the other exp z; unlike p, it has a slope where p is near 1.
  const std::size_t label = argmax(logits);
  std::vector<float> d(logits.begin(), logits.end());
  d[label] = -HUGE_VALF;
  softmax(d);
  for (float& v : d) v = -v;
  d[label] = 1.0f;

  result = {};
  if (auto* attention = first_of<Attention>(r.network.layers())) {
    const std::size_t S = attention->p(0, 0).rows;
    r.attention.clear();
    for (std::size_t h = 0; h < attention->heads; ++h) {
      const Matrix p = attention->p(0, h);
      for (std::size_t i = 0; i < S; ++i)
        r.attention.insert(r.attention.end(), p.data + i * p.stride, p.data + i * p.stride + S);
    }
    result.attention = r.attention.data();
    result.heads = attention->heads;
    result.tokens = S;
    const auto* patches = dynamic_cast<const Patches*>(r.network.layers().front().get());
    if (patches && patches->tokens() == S) {
      result.token_rows = r.rows / patches->patch;
      result.token_cols = r.cols / patches->patch;
    }
  }
  const std::span<const float> dx = r.network.backward_to_pixels(batch, d, pass);
  r.saliency.assign(dx.begin(), dx.end());
  result.label = static_cast<int>(label);
  result.saliency = r.saliency.data();
  result.rows = r.rows;
  result.cols = r.cols;
}

}  // namespace
}  // namespace nn

using namespace nn;

int nn_recognizer_version(void) {
  return NN_RECOGNIZER_VERSION;
}

nn_recognizer* nn_recognizer_load(const void* bytes, size_t size, const char* name, char* error,
                                  size_t error_size) {
  nn_recognizer* result = nullptr;
  without_exceptions(error, error_size, [&] {
    const std::string source = name ? name : "model";
    if (!bytes || size == 0) throw Error(source, "is empty, expected a model file");
    result = new nn_recognizer(load_model(source, {static_cast<const std::uint8_t*>(bytes), size}), source);
  });
  return result;
}

void nn_recognizer_free(nn_recognizer* recognizer) {
  delete recognizer;
}

const char* nn_recognizer_error(const nn_recognizer* recognizer) {
  return recognizer->error;
}

size_t nn_recognizer_classes(const nn_recognizer* recognizer) {
  return recognizer->known_classes();
}

const char* nn_recognizer_class_name(const nn_recognizer* recognizer, size_t label) {
  return label < recognizer->class_names.size() ? recognizer->class_names[label].c_str() : nullptr;
}

size_t nn_recognizer_rows(const nn_recognizer* recognizer) {
  return recognizer->rows;
}

size_t nn_recognizer_cols(const nn_recognizer* recognizer) {
  return recognizer->cols;
}

const char* nn_recognizer_preparation(const nn_recognizer* recognizer) {
  static constexpr const char* kNames[] = {"digits", "drawings", "pictures"};
  return kNames[static_cast<std::size_t>(recognizer->preparation.kind)];
}

const char* nn_recognizer_network(const nn_recognizer* recognizer) {
  return recognizer->text.c_str();
}

int nn_recognizer_set_threshold(nn_recognizer* recognizer, double threshold) {
  return status_of(recognizer, [&] {
    if (!(threshold >= 0 && threshold <= 1)) {
      throw refused("threshold", std::to_string(threshold), "a number from 0 to 1");
    }
    recognizer->threshold = threshold;
  });
}

int nn_recognizer_strokes(nn_recognizer* recognizer, const double* points, const size_t* lengths,
                          size_t strokes, double pen, nn_recognition* result) {
  return status_of(recognizer, [&] {
    nn_recognizer& r = *recognizer;
    check_can_prepare(r);
    if (!(pen >= 0 && pen <= kLargestCoordinate)) {
      throw refused("pen", std::to_string(pen), "a width from 0 to 1e9");
    }
    const std::vector<Stroke> drawn = strokes_of(points, {lengths, strokes});
    if (is_of(r, Preparation::Kind::digits)) return recognise(r, prepare_strokes(drawn, pen), *result);
    if (!std::ranges::all_of(drawn, &Stroke::empty)) {
      throw refused(r.name, "a model that is not of digits", "a picture of the canvas");
    }
    r.pixels.assign(r.rows * r.cols, 0);
    recognise(r, RejectReason::nothing_drawn, *result);
  });
}

int nn_recognizer_picture(nn_recognizer* recognizer, const uint8_t* pixels, size_t rows, size_t cols,
                          nn_recognition* result) {
  return status_of(recognizer, [&] {
    nn_recognizer& r = *recognizer;
    check_can_prepare(r);
    check_picture(rows, cols);
    NetworkPicture shown =
        prepare({rows, cols, {pixels, pixels + rows * cols}}, r.preparation, r.rows, r.cols);
    r.pixels = std::move(shown.pixels);
    recognise(r, shown.reject, *result);
  });
}

int nn_recognizer_image(nn_recognizer* recognizer, const uint8_t* pixels, size_t rows, size_t cols,
                        nn_recognition* result) {
  return status_of(recognizer, [&] {
    nn_recognizer& r = *recognizer;
    check_picture(rows, cols);
    if (!r.network.takes(rows, cols)) {
      throw refused("image", size_text(rows, cols), r.network.pixels_text() + ", as " + r.name + " takes");
    }
    r.pixels.assign(pixels, pixels + rows * cols);
    recognise(r, RejectReason::none, *result);
    result->rows = rows;
    result->cols = cols;
  });
}

int nn_recognizer_explain(nn_recognizer* recognizer, nn_explanation* result) {
  nn_recognizer& r = *recognizer;
  return status_of(recognizer, [&] {
    if (r.probabilities.empty()) throw refused("explanation", "no prediction", "a recognised drawing");
    r.network.use_fusions(false);
    const int status = status_of(recognizer, [&] { explain(r, *result); });
    r.network.use_fusions(true);
    if (status != 0) throw std::runtime_error(std::string(r.error));
  });
}
