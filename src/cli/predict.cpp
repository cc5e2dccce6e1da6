// PROGRAM predict MODEL[,MODEL...] IMAGE...: what a trained model, or several, see in pictures.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/data.hpp"
#include "nn/core/error.hpp"
#include "nn/core/parallel.hpp"
#include "nn/data/named_picture.hpp"
#include "nn/files/json.hpp"
#include "nn/recognizer/recognizer.hpp"

namespace nn::cli {

namespace {

constexpr std::string_view kShades = " .:-=+*#%@";

struct PredictCommand {
  std::string program, model{}, class_names{};
  std::vector<std::string> images{};
  double threshold = kMinConfidence;
  bool json = false, show = false, raw = false;
  std::size_t threads = 1;
};

// What the networks are shown of a picture, or why there is nothing.
struct Reading {
  NetworkPicture picture{};
  std::string error{};
};

Reading read(NamedPictures& source, const std::string& name, const Recognizer& model, bool raw) {
  try {
    NamedPicture named = source.read(name);
    if (!raw && !named.is_image && model.can_prepare()) return {.picture = model.prepare(named.picture)};
    const std::size_t rows = named.picture.rows, cols = named.picture.cols;
    if (model.takes(rows, cols)) return {.picture = {rows, cols, std::move(named.picture.pixels)}};
    return {.error = name + ": " + std::to_string(rows) + " x " + std::to_string(cols) +
                     " pixels, expected " + model.pixels_text() + ", as " + model.name() + " takes"};
  } catch (const Error& error) {
    return {.error = error.what()};
  } catch (const std::bad_alloc&) {
    return {.error = name + ": is too large for the memory that is left"};
  } catch (const std::exception& error) {  // on a thread of the team nothing else may come out
    return {.error = name + ": cannot be read: " + error.what()};
  }
}

void print(const std::string& name, const Recognition& result, const NetworkPicture& picture,
           const PredictCommand& o, const std::vector<std::string>& names) {
  if (o.json) {
    std::printf("%s\n", json_text(cli::to_json(name, result, names)).c_str());
  } else {
    std::printf("%s\n", cli::to_text(name, result, names).c_str());
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
  Recognizer model = load_recognizer(model_paths(o.model), o.program, o.class_names);
  model.set_threshold(o.threshold);
  constexpr std::size_t worth_a_thread = 16;  // pictures
  ThreadTeam team(std::min(o.threads, (o.images.size() + worth_a_thread - 1) / worth_a_thread));
  constexpr std::size_t batch_size = 64;
  NamedPictures source(model.transpose());
  std::vector<Reading> readings(batch_size);
  std::vector<NetworkPicture> pictures;  // of those that could be read
  int status = kDone;
  for (std::size_t first = 0; first < o.images.size(); first += batch_size) {
    const auto names = std::span(o.images).subspan(first, std::min(batch_size, o.images.size() - first));
    team.parallel_for(names.size(),
                      [&](std::size_t i) { readings[i] = read(source, names[i], model, o.raw); });
    pictures.clear();
    for (Reading& r : std::span(readings).first(names.size())) {
      if (r.error.empty()) pictures.push_back(std::move(r.picture));
    }
    const std::vector<Recognition> found = model.recognise(pictures, team);
    for (std::size_t i = 0, next = 0; i < names.size(); ++i) {
      if (readings[i].error.empty()) {
        print(names[i], found[next], pictures[next], o, model.class_names());
        ++next;
      } else {
        status = complain(o.program, readings[i].error, kFailed);
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

std::string to_text(const std::string& picture, const Recognition& r, std::span<const std::string> names) {
  std::string text = picture + ": " + (r.label ? "" : r.status);
  const std::vector<Candidate> top = top_three(r.probabilities);
  for (std::size_t i = 0; i < top.size(); ++i) {
    char share[16];
    std::snprintf(share, sizeof share, " (%.1f %%)", 100.0 * static_cast<double>(top[i].confidence));
    const char* before = i == 0 ? (r.label ? "" : ": ") : i == 1 && r.label ? ", then " : ", ";
    text += before + names[top[i].label] + share;
  }
  return text;
}

nlohmann::ordered_json to_json(const std::string& picture, const Recognition& r,
                               std::span<const std::string> names) {
  auto top = nlohmann::ordered_json::array();
  for (const Candidate& c : top_three(r.probabilities)) {
    top.push_back({{"class", c.label}, {"name", names[c.label]}, {"confidence", c.confidence}});
  }
  nlohmann::ordered_json json{{"picture", picture}, {"status", r.status}};
  for (const char* key : {"class", "name", "confidence"}) {
    json[key] = r.label ? top[0][key] : nlohmann::ordered_json();
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
