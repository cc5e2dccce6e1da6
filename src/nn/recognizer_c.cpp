// nn/recognizer.h: the recognizer behind an interface that no exception crosses.
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
#include "nn/data/network_picture.hpp"
#include "nn/files/model_files.hpp"
#include "nn/files/read_file.hpp"
#include "nn/recognizer/explanation.hpp"
#include "nn/recognizer/recognizer.hpp"

struct nn_recognizer {
  nn_recognizer(const std::string& name, nn::StoredModel model)
      : network(model.network.text()), recognizer(name, std::move(model)) {}

  std::string network;  // as text
  nn::Recognizer recognizer;
  nn::Canvas canvas{};
  nn::ThreadTeam team{1};
  char error[NN_RECOGNIZER_ERROR_SIZE] = "";

  // Of the last recognition.
  nn::NetworkPicture picture{};
  nn::Recognition recognition{};
  nn::Explanation explanation{};
};

namespace nn {
namespace {

int status_of(RejectReason reason) {
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
    case RejectReason::not_sure:
      break;
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

void recognise(nn_recognizer& r, NetworkPicture picture, nn_recognition& result) {
  r.recognition = {};  // of the last picture, should this one fail
  r.picture = std::move(picture);
  r.recognition = r.recognizer.recognise(r.picture, r.team);
  const auto& [reject, status, label, probabilities] = r.recognition;
  result = {.status = status_of(reject),
            .status_text = status,
            .label = label ? static_cast<int>(*label) : -1,
            .name = label ? r.recognizer.class_names()[*label].c_str() : nullptr,
            .probabilities = probabilities.empty() ? nullptr : probabilities.data(),
            .classes = r.recognizer.known_classes(),
            .pixels = r.picture.pixels.data(),
            .rows = r.picture.rows,
            .cols = r.picture.cols};
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

GreyPicture picture_of(const std::uint8_t* pixels, std::size_t rows, std::size_t cols) {
  check_picture(rows, cols);
  return {rows, cols, {pixels, pixels + rows * cols}};
}

double checked_length(const char* what, double length) {
  if (length >= 0 && length <= kLargestCoordinate) return length;
  throw refused(what, std::to_string(length), "a length from 0 to 1e9");
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
    InputFile file(source, {static_cast<const std::uint8_t*>(bytes), size});
    result = new nn_recognizer(source, read_stored_model(std::move(file)));
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
  return recognizer->recognizer.known_classes();
}

const char* nn_recognizer_class_name(const nn_recognizer* recognizer, size_t label) {
  const std::vector<std::string>& names = recognizer->recognizer.class_names();
  return label < names.size() ? names[label].c_str() : nullptr;
}

size_t nn_recognizer_rows(const nn_recognizer* recognizer) {
  return recognizer->recognizer.rows();
}

size_t nn_recognizer_cols(const nn_recognizer* recognizer) {
  return recognizer->recognizer.cols();
}

const char* nn_recognizer_preparation(const nn_recognizer* recognizer) {
  return to_text(recognizer->recognizer.preparation().kind);
}

const char* nn_recognizer_network(const nn_recognizer* recognizer) {
  return recognizer->network.c_str();
}

double nn_recognizer_threshold(const nn_recognizer* recognizer) {
  return recognizer->recognizer.threshold();
}

int nn_recognizer_set_threshold(nn_recognizer* recognizer, double threshold) {
  return status_of(recognizer, [&] {
    if (!(threshold >= 0 && threshold <= 1)) {
      throw refused("threshold", std::to_string(threshold), "a number from 0 to 1");
    }
    recognizer->recognizer.set_threshold(threshold);
  });
}

int nn_recognizer_set_canvas(nn_recognizer* recognizer, double width, double height) {
  return status_of(recognizer, [&] {
    recognizer->canvas = {checked_length("canvas", width), checked_length("canvas", height)};
  });
}

int nn_recognizer_strokes(nn_recognizer* recognizer, const double* points, const size_t* lengths,
                          size_t strokes, double pen, nn_recognition* result) {
  return status_of(recognizer, [&] {
    const Recognizer& r = recognizer->recognizer;
    r.check_can_prepare();
    checked_length("pen", pen);
    const bool is_of_pictures = r.preparation().kind == Preparation::Kind::pictures;
    const Canvas& canvas = recognizer->canvas;
    if (is_of_pictures && !(pen > 0 && canvas.width > 0 && canvas.height > 0)) {
      throw refused(r.name(), "a model of whole pictures, and a pen or a canvas without a size",
                    "both above 0: nn_recognizer_set_canvas()");
    }
    recognise(*recognizer, r.prepare(strokes_of(points, {lengths, strokes}), pen, canvas), *result);
  });
}

int nn_recognizer_picture(nn_recognizer* recognizer, const uint8_t* pixels, size_t rows, size_t cols,
                          nn_recognition* result) {
  return status_of(recognizer, [&] {
    const Recognizer& r = recognizer->recognizer;
    r.check_can_prepare();
    recognise(*recognizer, r.prepare(picture_of(pixels, rows, cols)), *result);
  });
}

int nn_recognizer_image(nn_recognizer* recognizer, const uint8_t* pixels, size_t rows, size_t cols,
                        nn_recognition* result) {
  return status_of(recognizer, [&] {
    const Recognizer& r = recognizer->recognizer;
    check_picture(rows, cols);
    if (!r.takes(rows, cols)) {
      throw refused("image", size_text(rows, cols), r.pixels_text() + ", as " + r.name() + " takes");
    }
    recognise(*recognizer, {rows, cols, {pixels, pixels + rows * cols}}, *result);
  });
}

int nn_recognizer_explain(nn_recognizer* recognizer, nn_explanation* result) {
  return status_of(recognizer, [&] {
    nn_recognizer& r = *recognizer;
    if (r.recognition.probabilities.empty()) {
      throw refused("explanation", "no prediction", "a recognised drawing");
    }
    r.explanation = explain(r.recognizer.networks().front(), r.picture.pixels, r.team);
    const Explanation& e = r.explanation;
    *result = {.label = static_cast<int>(e.label),
               .saliency = e.saliency.data(),
               .rows = r.picture.rows,
               .cols = r.picture.cols,
               .attention = e.attention.empty() ? nullptr : e.attention.data(),
               .heads = e.heads,
               .tokens = e.tokens,
               .token_rows = e.patch > 0 ? r.picture.rows / e.patch : 0,
               .token_cols = e.patch > 0 ? r.picture.cols / e.patch : 0};
  });
}

int nn_prepare_picture(const char* preparation, const uint8_t* pixels, size_t rows, size_t cols,
                       uint8_t* prepared, size_t prepared_rows, size_t prepared_cols, char* error,
                       size_t error_size) {
  int status = -1;
  without_exceptions(error, error_size, [&] {
    const Preparation how = parse_preparation(preparation, "preparation");
    check_picture(prepared_rows, prepared_cols);
    if (!can_prepare(how, prepared_rows, prepared_cols)) {
      throw refused("prepared picture", size_text(prepared_rows, prepared_cols),
                    how.kind == Preparation::Kind::digits ? "28 x 28" : "a square");
    }
    const NetworkPicture shown = prepare(picture_of(pixels, rows, cols), how, prepared_rows, prepared_cols);
    std::ranges::copy(shown.pixels, prepared);
    status = status_of(shown.reject);
  });
  return status;
}
