// PROGRAM predict MODEL[,MODEL...] IMAGE...: what a trained model, or several, see in pictures.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/data.hpp"
#include "nn/core/error.hpp"
#include "nn/core/parallel.hpp"
#include "nn/data/class_names.hpp"
#include "nn/files/json.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/training/evaluate.hpp"

namespace nn::cli {

namespace {

// Of MNIST's 10,000 test digits so many are below it or refused by their look: 1.6 % with mnist_mlp's
// defaults, 1.3 % with mnist_cnn's, 2.0 % with mnist_attention_pool's. tools/recognizer/confidence.py
// has the same number.
constexpr double kMinConfidence = 0.4;

constexpr std::string_view kShades = " .:-=+*#%@";

struct PredictCommand {
  std::string program, model{}, class_names{};
  std::vector<std::string> images{};
  double threshold = kMinConfidence;
  bool json = false, show = false, raw = false;
  std::size_t threads = 1;
};

// A picture, or why there is none.
struct Reading {
  NetworkPicture picture{};
  std::string error{};

  bool is_accepted() const { return error.empty() && picture.reject == RejectReason::none; }
};

Reading read(NamedPictures& source, const std::string& name, const TrainedModel& model,
             const std::optional<ImageForm>& form) {
  try {
    NetworkPicture picture = source.read(name, form);
    if (model.takes(picture.rows, picture.cols)) return {.picture = std::move(picture)};
    return {.error = name + ": " + std::to_string(picture.rows) + " x " + std::to_string(picture.cols) +
                     " pixels, expected " + model.pixels_text() + ", as " + model.name() + " takes"};
  } catch (const Error& error) {
    return {.error = error.what()};
  } catch (const std::bad_alloc&) {
    return {.error = name + ": is too large for the memory that is left"};
  } catch (const std::exception& error) {  // on a thread of the team nothing else may come out
    return {.error = name + ": cannot be read: " + error.what()};
  }
}

// `log_p`: of the classes' probabilities, none if the network was not asked.
Recognition recognition(const std::string& name, RejectReason reject, std::span<const float> log_p,
                        const TrainedModel& model, double threshold) {
  if (log_p.empty()) return {name, nn::to_text(reject)};
  std::vector<float> p;
  for (const float v : log_p) p.push_back(std::exp(v));
  if (!finite(std::span<const float>(p))) throw not_finite(model.name());
  const bool knows_outliers = has_outlier_class(model.class_names);
  const std::vector<Candidate> top = top_three(std::span(p).first(p.size() - knows_outliers));
  if (knows_outliers && argmax(p) == p.size() - 1) {
    return {name, nn::to_text(model.not_one()), top};
  }
  const bool is_sure = static_cast<double>(top.front().confidence) >= threshold;
  if (!is_sure) return {name, "not sure", top};
  return {name, model.preparation.kind == Preparation::Kind::digits ? "digit" : "recognised", top, true};
}

void print(const Recognition& result, const NetworkPicture& picture, const PredictCommand& o,
           const std::vector<std::string>& names) {
  if (o.json) {
    std::printf("%s\n", json_text(to_json(result, names)).c_str());
  } else {
    std::printf("%s\n", to_text(result, names).c_str());
    if (o.show) std::fputs(ascii_picture(picture).c_str(), stdout);
  }
}

// Those between the commas, unless there is a file of the whole name.
std::vector<std::string> model_paths(const std::string& text) {
  std::error_code unknown;
  if (std::filesystem::exists(text, unknown)) return {text};
  std::vector<std::string> paths;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    paths.push_back(text.substr(begin, end - begin));
    if (paths.back().empty()) wrong_usage("MODEL", refusal(text, "paths with a comma between them"));
    begin = end + 1;
  }
  return paths;
}

// A batch of pictures at a time is in memory.
int run_predict(const PredictCommand& o) {
  TrainedModel model = load_trained_model(model_paths(o.model), o.program, o.class_names);
  constexpr std::size_t worth_a_thread = 16;  // pictures
  ThreadTeam team(std::min(o.threads, (o.images.size() + worth_a_thread - 1) / worth_a_thread));
  constexpr std::size_t batch_size = 64;
  const std::optional<ImageForm> form = o.raw ? std::nullopt : model.form();
  NamedPictures source(model.transpose);
  std::vector<Reading> readings(batch_size);
  std::vector<std::uint8_t> pixels;
  int status = kDone;
  for (std::size_t first = 0; first < o.images.size(); first += batch_size) {
    const auto names = std::span(o.images).subspan(first, std::min(batch_size, o.images.size() - first));
    team.parallel_for(names.size(),
                      [&](std::size_t i) { readings[i] = read(source, names[i], model, form); });

    pixels.clear();  // of the accepted ones among them, side by side
    for (const Reading& r : std::span(readings).first(names.size())) {
      if (r.is_accepted()) pixels.insert(pixels.end(), r.picture.pixels.begin(), r.picture.pixels.end());
    }
    std::vector<float> log_p;
    if (!pixels.empty()) {
      const std::size_t count = pixels.size() / model.networks.front().pixels();
      log_p = log_probabilities(model.networks, {.size = count, .pixels = pixels, .labels = {}}, team);
    }
    std::span<const float> rest = log_p;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const Reading& r = readings[i];
      const std::span<const float> of_image = rest.first(r.is_accepted() ? model.classes() : 0);
      rest = rest.subspan(of_image.size());
      if (r.error.empty()) {
        print(recognition(names[i], r.picture.reject, of_image, model, o.threshold), r.picture, o,
              model.class_names);
      } else {
        status = complain(o.program, r.error, kFailed);
      }
    }
  }
  return status;
}

}  // namespace

void add_predict(Options& app) {
  Options& command = app.command("predict", "recognise pictures with a trained model");
  const auto options = std::make_shared<PredictCommand>();
  options->program = app.name();
  command.group("Options");
  command.argument("MODEL", options->model,
                   "model file, .bin or .safetensors, of any of the programs; several, with commas between "
                   "them, are an ensemble, the mean of whose probabilities counts");
  command.arguments(
      "IMAGE", options->images,
      "PNG or JPEG files, - for one on standard input, or IDXFILE:INDEX for an image of an IDX file");
  command.number("--threshold", options->threshold, "'not sure' below this confidence", 0, 1);
  command.flag("--json", options->json, "print a JSON object a picture");
  command.flag("--show", options->show, "print what the network sees, too");
  command.exclude("--show", "--json");
  command.flag(
      "--raw", options->raw,
      "take pictures as they are, light on dark and of the network's size, without preparing them as those "
      "that it was trained on");
  command.path("--class-names", options->class_names,
               "text file, the name of a class a line [as the model says]");
  command.threads(options->threads);
  command.runs([options] { return run_predict(*options); });
}

std::vector<Candidate> top_three(std::span<const float> probabilities) {
  std::vector<Candidate> top;
  for (std::size_t c = 0; c < probabilities.size(); ++c) {
    const auto place = std::ranges::find_if(top, [&](auto& t) { return t.confidence < probabilities[c]; });
    top.insert(place, {c, probabilities[c]});
    top.resize(std::min<std::size_t>(3, top.size()));
  }
  return top;
}

std::string to_text(const Recognition& r, std::span<const std::string> names) {
  std::string text = r.picture + ": " + (r.is_sure ? "" : r.verdict);
  for (std::size_t i = 0; i < r.top.size(); ++i) {
    char share[16];
    std::snprintf(share, sizeof share, " (%.1f %%)", 100.0 * static_cast<double>(r.top[i].confidence));
    const char* before = i == 0 ? (r.is_sure ? "" : ": ") : i == 1 && r.is_sure ? ", then " : ", ";
    text += before + names[r.top[i].label] + share;
  }
  return text;
}

nlohmann::ordered_json to_json(const Recognition& r, std::span<const std::string> names) {
  auto top = nlohmann::ordered_json::array();
  for (const Candidate& c : r.top) {
    top.push_back({{"class", c.label}, {"name", names[c.label]}, {"confidence", c.confidence}});
  }
  nlohmann::ordered_json json{{"picture", r.picture}, {"verdict", r.verdict}};
  for (const char* key : {"class", "name", "confidence"}) {
    json[key] = r.is_sure ? top[0][key] : nlohmann::ordered_json();
  }
  json["top"] = std::move(top);
  return json;
}

std::string ascii_picture(const NetworkPicture& picture) {
  std::string edge(2 * picture.cols + 3, '-');
  edge.front() = edge[edge.size() - 2] = '+';
  edge.back() = '\n';
  std::string text = edge;
  for (std::size_t row = 0; row < picture.rows; ++row) {
    text += '|';
    for (std::size_t col = 0; col < picture.cols; ++col) {
      text.append(2, kShades[picture.pixels[row * picture.cols + col] * kShades.size() / 256]);
    }
    text += "|\n";
  }
  return text + edge;
}

}  // namespace nn::cli
