// What `evaluate` says of a model: a page to read, or one JSON object:
//
//   model, network (as in a model file), data, split
//   images, correct, accuracy, accuracy_interval [low, high] of 95 %, loss, calibration_error
//   classes    a list: name, images, precision, recall, f1; null where there is nothing to take a share of
//   confusion  a list for each true class: how often it was taken for each class
//   mistakes   a list: image, true, predicted, confidence; the most confident first
//
// Shares, probabilities and errors are 0 .. 1, classes are numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/files/json.hpp"
#include "nn/training/report_json.hpp"
#include "nn/training/scores.hpp"

namespace nn::cli {

struct Scorecard {
  std::string model, data, split;
  nlohmann::json network;
  std::vector<std::string> class_names;
  std::vector<Answer> answers;
  std::size_t mistakes = 0;  // how many to list

  Confusion confusion() const { return {answers, class_names.size()}; }
};

inline std::string to_json(const Scorecard& card) {
  using Json = nlohmann::ordered_json;
  const Confusion confusion = card.confusion();
  const std::size_t images = card.answers.size(), correct = confusion.correct();
  const Interval interval = wilson_interval(correct, images);
  Json classes = Json::array(), rows = Json::array(), mistakes = Json::array();
  for (std::size_t c = 0; c < confusion.classes(); ++c) {
    classes.push_back({{"name", card.class_names[c]},
                       {"images", confusion.images(c)},
                       {"precision", number_or_null(confusion.precision(c))},
                       {"recall", number_or_null(confusion.recall(c))},
                       {"f1", number_or_null(confusion.f1(c))}});
    Json row = Json::array();
    for (std::size_t p = 0; p < confusion.classes(); ++p) row.push_back(confusion.count(c, p));
    rows.push_back(std::move(row));
  }
  for (const std::size_t i : most_confident_mistakes(card.answers, card.mistakes)) {
    const Answer& a = card.answers[i];
    mistakes.push_back(
        {{"image", i}, {"true", a.label}, {"predicted", a.predicted}, {"confidence", a.confidence}});
  }
  const Json all{{"model", card.model},
                 {"network", card.network},
                 {"data", card.data},
                 {"split", card.split},
                 {"images", images},
                 {"correct", correct},
                 {"accuracy", static_cast<double>(correct) / static_cast<double>(images)},
                 {"accuracy_interval", {interval.low, interval.high}},
                 {"loss", mean_loss(card.answers)},
                 {"calibration_error", calibration_error(card.answers)},
                 {"classes", std::move(classes)},
                 {"confusion", std::move(rows)},
                 {"mistakes", std::move(mistakes)}};
  return json_text(all) + "\n";
}

namespace detail {
// `text` at the right, or with `left` at the left, of `width` columns; UTF-8 counts by its letters.
inline std::string padded(const std::string& text, std::size_t width, bool left = false) {
  const auto letters = static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
  const std::string space(width - std::min(width, letters), ' ');
  return left ? text + space : space + text;
}

inline std::string fixed(double value, int digits) {
  if (std::isnan(value)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

inline std::string percent(double share) {
  return fixed(100 * share, 2);
}
}  // namespace detail

inline std::string to_text(const Scorecard& card) {
  using detail::fixed, detail::padded, detail::percent;
  const Confusion confusion = card.confusion();
  const std::size_t images = card.answers.size(), correct = confusion.correct();
  const Interval interval = wilson_interval(correct, images);
  std::size_t widest = 5, largest = 1;  // of a name; of a number
  for (std::size_t c = 0; c < confusion.classes(); ++c) {
    widest = std::max(widest, card.class_names[c].size());
    largest = std::max(largest, confusion.images(c));
  }
  const std::size_t width = std::to_string(largest).size() + 1;

  std::string text = card.split +
                     " accuracy: " + percent(static_cast<double>(correct) / static_cast<double>(images)) +
                     " % (" + std::to_string(correct) + " of " + std::to_string(images) + "), loss " +
                     fixed(mean_loss(card.answers), 6) + "\n95 % interval: " + percent(interval.low) +
                     " to " + percent(interval.high) +
                     " %\ncalibration error: " + percent(calibration_error(card.answers)) + " %\n\n";

  text += "confusion, a row for each true class, a column for each answer:\n" + padded("", widest);
  for (std::size_t p = 0; p < confusion.classes(); ++p) text += padded(std::to_string(p), width + 1);
  for (std::size_t c = 0; c < confusion.classes(); ++c) {
    text += "\n" + padded(card.class_names[c], widest);
    for (std::size_t p = 0; p < confusion.classes(); ++p) {
      text += padded(std::to_string(confusion.count(c, p)), width + 1);
    }
  }

  text += "\n\n" + padded("class", widest) + "  images  precision  recall      F1\n";
  for (std::size_t c = 0; c < confusion.classes(); ++c) {
    text += padded(card.class_names[c], widest) + padded(std::to_string(confusion.images(c)), 8) +
            padded(percent(confusion.precision(c)), 11) + padded(percent(confusion.recall(c)), 8) +
            padded(percent(confusion.f1(c)), 8) + "\n";
  }

  const std::vector<std::size_t> mistakes = most_confident_mistakes(card.answers, card.mistakes);
  if (!mistakes.empty()) text += "\nmost confident mistakes:\n";
  for (const std::size_t i : mistakes) {
    const Answer& a = card.answers[i];
    text += "image " + padded(std::to_string(i), std::to_string(images - 1).size()) + ": " +
            card.class_names[a.label] + " taken for " + card.class_names[a.predicted] + " with " +
            percent(static_cast<double>(a.confidence)) + " %\n";
  }
  return text;
}

}  // namespace nn::cli
