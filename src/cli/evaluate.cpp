// PROGRAM evaluate MODEL...: how good a trained model is, and where it is wrong. A page to read, or one JSON
// object:
//
//   models, networks, signatures (lists, as in a model file), data, split
//   images, correct, accuracy, accuracy_interval [low, high] of 95 %, loss, calibration_error
//   classes    a list: name, images, precision, recall, f1; null where there is nothing to take a share of
//   confusion  a list for each true class: how often it was taken for each class
//   mistakes   a list: image, true, predicted, confidence; the most confident first
//
// Shares, probabilities and errors are 0 .. 1, classes are numbers.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <utility>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/data.hpp"
#include "nn/core/error.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/text.hpp"
#include "nn/files/json.hpp"
#include "nn/files/signature.hpp"
#include "nn/recognizer/recognizer.hpp"
#include "nn/training/evaluate.hpp"
#include "nn/training/logs.hpp"
#include "nn/training/scores.hpp"

namespace nn::cli {

namespace {

struct EvaluateCommand {
  std::string program;
  std::vector<std::string> models{};
  Part part = Part::test;
  DataSource source{};
  std::size_t mistakes = 10, threads = 1;
  bool json = false;
};

const char* name_of(Part part) {
  return part == Part::test ? "test" : "train";
}

using Predictions = std::vector<Prediction>;

double accuracy(const Predictions& found, const Confusion& confusion) {
  return static_cast<double>(confusion.correct()) / static_cast<double>(found.size());
}

// Those of the weights that were read.
std::vector<std::string> signatures(const Recognizer& model) {
  std::vector<std::string> all;
  for (const Network& network : model.networks()) all.push_back(signature(network));
  return all;
}

std::string to_json(const EvaluateCommand& o, const Recognizer& model, const Predictions& found) {
  using Json = nlohmann::ordered_json;
  const Confusion confusion(found, model.classes());
  const Interval interval = wilson_interval(confusion.correct(), found.size());
  Json classes = Json::array(), rows = Json::array(), mistakes = Json::array();
  for (std::size_t c = 0; c < confusion.classes(); ++c) {
    classes.push_back({{"name", model.class_names()[c]},
                       {"images", confusion.images(c)},
                       {"precision", number_or_null(confusion.precision(c))},
                       {"recall", number_or_null(confusion.recall(c))},
                       {"f1", number_or_null(confusion.f1(c))}});
    Json row = Json::array();
    for (std::size_t p = 0; p < confusion.classes(); ++p) row.push_back(confusion.count(c, p));
    rows.push_back(std::move(row));
  }
  for (const std::size_t i : most_confident_mistakes(found, o.mistakes)) {
    const Prediction& p = found[i];
    mistakes.push_back(
        {{"image", i}, {"true", p.label}, {"predicted", p.predicted}, {"confidence", p.confidence}});
  }
  Json networks = Json::array();
  for (const Network& network : model.networks()) networks.emplace_back(network.json());
  const Json all{{"models", model.paths()},
                 {"networks", std::move(networks)},
                 {"signatures", signatures(model)},
                 {"data", place_of(o.source)},
                 {"split", name_of(o.part)},
                 {"images", found.size()},
                 {"correct", confusion.correct()},
                 {"accuracy", accuracy(found, confusion)},
                 {"accuracy_interval", {interval.low, interval.high}},
                 {"loss", mean_loss(found)},
                 {"calibration_error", calibration_error(found)},
                 {"classes", std::move(classes)},
                 {"confusion", std::move(rows)},
                 {"mistakes", std::move(mistakes)}};
  return json_text(all) + "\n";
}

// `text` at the right of `width` columns; UTF-8 counts by its letters.
std::string padded(const std::string& text, std::size_t width) {
  const auto letters = static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
  return std::string(width - std::min(width, letters), ' ') + text;
}
std::string padded(std::size_t number, std::size_t width) {
  return padded(std::to_string(number), width);
}

std::string fixed(double value, int digits) {
  if (std::isnan(value)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string percent(double share) {
  return fixed(100 * share, 2);
}

std::string to_text(const EvaluateCommand& o, const Recognizer& model, const Predictions& found) {
  const Confusion confusion(found, model.classes());
  const Interval interval = wilson_interval(confusion.correct(), found.size());
  const std::vector<std::string>& names = model.class_names();
  std::size_t widest = 5, largest = 1;  // of a name; of a number
  for (std::size_t c = 0; c < confusion.classes(); ++c) {
    widest = std::max(widest, names[c].size());
    largest = std::max(largest, confusion.images(c));
  }
  const std::size_t width = std::to_string(largest).size() + 2;

  std::string text = std::string(name_of(o.part)) + " accuracy: " + percent(accuracy(found, confusion)) +
                     " % (" + std::to_string(confusion.correct()) + " of " + std::to_string(found.size()) +
                     "), loss " + fixed(mean_loss(found), 6) + "\n95 % interval: " + percent(interval.low) +
                     " to " + percent(interval.high) +
                     " %\ncalibration error: " + percent(calibration_error(found)) +
                     " %\nsignature: " + join(signatures(model), ", ") + "\n\n";

  text += "confusion, a row for each true class, a column for each predicted class:\n";
  text += padded("", widest);
  for (std::size_t p = 0; p < confusion.classes(); ++p) text += padded(p, width);
  for (std::size_t c = 0; c < confusion.classes(); ++c) {
    text += '\n';
    text += padded(names[c], widest);
    for (std::size_t p = 0; p < confusion.classes(); ++p) text += padded(confusion.count(c, p), width);
  }

  text += "\n\n";
  text += padded("class", widest) + "  images  precision  recall      F1\n";
  for (std::size_t c = 0; c < confusion.classes(); ++c) {
    text += padded(names[c], widest) + padded(confusion.images(c), 8) +
            padded(percent(confusion.precision(c)), 11) + padded(percent(confusion.recall(c)), 8) +
            padded(percent(confusion.f1(c)), 8) + "\n";
  }

  const std::vector<std::size_t> mistakes = most_confident_mistakes(found, o.mistakes);
  if (!mistakes.empty()) text += "\nmost confident mistakes:\n";
  for (const std::size_t i : mistakes) {
    const Prediction& p = found[i];
    text += "image " + padded(i, std::to_string(found.size() - 1).size()) + ": " + names[p.label] +
            " taken for " + names[p.predicted] + " with " + percent(static_cast<double>(p.confidence)) +
            " %\n";
  }
  return text;
}

// Throws Error if the model does not take images of this size or does not know the classes.
void check_fits(const Recognizer& model, const Dataset& data) {
  const std::size_t rows = data.images.rows, cols = data.images.cols, classes = model.classes();
  if (!model.takes(rows, cols)) {
    throw Error(data.images.source, "images of " + std::to_string(rows) + " x " + std::to_string(cols) +
                                        " pixels, expected " + model.pixels_text() + ", as " + model.name() +
                                        " takes");
  }
  if (classes > 256) {
    throw Error(model.name(), std::to_string(classes) + " classes, expected at most 256, as labels have");
  }
  const std::uint8_t largest = *std::ranges::max_element(data.labels.labels());
  if (largest >= classes) {
    throw Error(data.labels.source, "label " + std::to_string(largest) + ", expected 0 to " +
                                        std::to_string(classes - 1) + ", the classes of " + model.name() +
                                        "; --data-dir or --data names the images that it was made for");
  }
}

// Images that were prepared otherwise are taken all the same: they may be what is to be measured.
void note_other_preparation(const EvaluateCommand& o, const Recognizer& model) {
  const std::optional<Preparation> of_data = beside_images(o.source).preparation;
  if (!of_data || *of_data == model.preparation()) return;
  const std::string note = place_of(o.source) + ": its images were prepared as " + nn::to_text(*of_data) +
                           ", those of " + model.name() + " as " + nn::to_text(model.preparation());
  std::fprintf(stderr, "%s: note: %s\n", o.program.c_str(), one_line(note).c_str());
}

// Throws Error if a file says another signature than its weights have.
void check_signatures(const Recognizer& model) {
  const std::vector<std::string> found = signatures(model);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string& expected = model.signatures()[i];
    if (expected.empty() || expected == found[i]) continue;
    throw Error(model.paths()[i], "its network and weights have the signature " + found[i] + ", expected " +
                                      expected + ", as its metadata says: it was altered after training");
  }
}

int run_evaluate(const Options& command, const EvaluateCommand& o) {
  const std::string limit = o.part == Part::test ? "--test-limit" : "--train-limit";
  const std::string other = o.part == Part::test ? "--train-limit" : "--test-limit";
  if (command.is_given(other)) {
    wrong_usage(other, std::string("found with --split ") + name_of(o.part) + ", expected " + limit);
  }
  Recognizer model = load_recognizer(o.models, o.program, o.source.class_names);
  const Dataset data = load_part(o.source, o.part, model.transpose());
  check_fits(model, data);
  note_other_preparation(o, model);
  ThreadTeam team(o.threads);
  const Predictions found = predictions(model.networks(), data, team);
  if (!std::isfinite(mean_loss(found))) throw not_finite(model.name());
  std::fputs((o.json ? to_json(o, model, found) : to_text(o, model, found)).c_str(), stdout);
  check_signatures(model);
  return kDone;
}

}  // namespace

void add_evaluate(Options& app) {
  Options& command = app.command("evaluate", "measure trained models on labelled images");
  const auto options = std::make_shared<EvaluateCommand>();
  options->program = app.name();
  command.group("Options");
  command.arguments("MODEL", options->models,
                    "model file, .bin or .safetensors, of any of the programs; several are an ensemble, the "
                    "mean of whose probabilities counts");
  command.choice<Part>("--split", options->part, "which images",
                       {{"test", Part::test}, {"train", Part::train}});
  add_data_options(command, options->source, {.class_names = true, .train = true, .test = true});
  command.group("Options");
  command.number("--mistakes", options->mistakes, "how many of the most confident ones to list", 0,
                 1'000'000);
  command.flag("--json", options->json, "print all of it as one JSON object");
  command.threads(options->threads);
  command.runs([options, &command] { return run_evaluate(command, *options); });
}

}  // namespace nn::cli
