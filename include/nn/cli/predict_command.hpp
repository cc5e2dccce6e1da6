// PROGRAM predict MODEL IMAGE...: what a trained model sees in pictures.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/cli/options.hpp"
#include "nn/cli/predict_output.hpp"
#include "nn/cli/run.hpp"
#include "nn/cli/trained_model.hpp"
#include "nn/core/error.hpp"
#include "nn/core/parallel.hpp"
#include "nn/data/named_picture.hpp"
#include "nn/files/json.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/models/input_size.hpp"

namespace nn::cli {

class PredictCommand {
 public:
  // Adds the subcommand to `app`.
  PredictCommand(CLI::App& app, std::size_t threads)
      : program_(app.get_name()),
        command_(*app.add_subcommand("predict", "recognise pictures with a trained model")),
        threads_(threads) {
    begin_group(command_, "Options");
    command_.add_option("MODEL", model_path_, "model file, .bin or .safetensors, of any of the programs")
        ->required()
        ->type_name("");
    command_
        .add_option("IMAGE", images_,
                    "PNG files, - for one on standard input, or IDXFILE:INDEX for an image of an IDX file")
        ->required()
        ->take_all()
        ->type_name("");
    add_number<double>(command_, "--threshold", threshold_, "'not sure' below this confidence", 0, 1);
    CLI::Option* json = command_.add_flag("--json", json_, "print a JSON object a picture");
    command_.add_flag("--show", show_, "print what the network sees, too")->excludes(json);
    command_.add_flag("--raw", raw_,
                      "take PNG files as they are, light on dark and of the network's size, without looking "
                      "for a digit in them");
    add_text(command_, "--class-names", class_names_path_,
             "text file, the name of a class a line [as the model says]");
    add_number<std::size_t>(command_, "--threads", threads_, "threads, for many pictures", 1, 256);
  }

  const CLI::App& app() const { return command_; }

  int run() {
    AnyModel model = load_trained_model(model_path_, program_);
    names_ = class_names_of_model(model_path_, classes_of(model), class_names_path_);
    size_ = input_size(model);
    constexpr std::size_t worth_a_thread = 16;  // pictures
    ThreadTeam team(std::min(threads_, (images_.size() + worth_a_thread - 1) / worth_a_thread));
    return std::visit([&](auto& m) { return recognise_all(m, team); }, model);
  }

 private:
  // Of MNIST's 10,000 test digits so many are below it or refused by their look: 1.6 % with mnist_mlp's
  // defaults, 1.3 % with mnist_cnn's, 2.0 % with mnist_attention_pool's. tools/recognizer/doubt.py has the
  // same number.
  static constexpr double kLeastSure = 0.4;

  // A picture, or why there is none.
  struct Reading {
    NetworkPicture picture{};
    std::string error{};

    bool is_digit() const { return error.empty() && picture.verdict == Verdict::digit; }
  };

  // A batch of pictures at a time is in memory.
  template <Model M>
  int recognise_all(M& model, ThreadTeam& team) {
    constexpr std::size_t batch_size = 64;
    NamedPictures source(is_transposed(metadata_of_model(model_path_)));
    std::vector<Reading> readings(batch_size);
    std::vector<std::uint8_t> pixels;
    int status = kDone;
    for (std::size_t first = 0; first < images_.size(); first += batch_size) {
      const auto names = std::span(images_).subspan(first, std::min(batch_size, images_.size() - first));
      team.for_blocks(names.size(), [&](std::size_t i) { readings[i] = read(source, names[i]); });

      pixels.clear();  // of the digits among them, side by side
      for (const Reading& r : std::span(readings).first(names.size())) {
        if (r.is_digit()) pixels.insert(pixels.end(), r.picture.pixels.begin(), r.picture.pixels.end());
      }
      std::span<const float> logits;
      if (!pixels.empty()) {
        logits = model.forward({.size = pixels.size() / size_.pixels, .pixels = pixels, .labels = {}}, team);
      }
      for (std::size_t i = 0; i < names.size(); ++i) {
        const std::span<const float> z = logits.first(readings[i].is_digit() ? model.classes() : 0);
        logits = logits.subspan(z.size());
        if (readings[i].error.empty()) {
          print(recognition(names[i], readings[i].picture.verdict, z), readings[i].picture);
        } else {
          status = complain(program_, readings[i].error, kFailed);
        }
      }
    }
    return status;
  }

  // `logits`: none if the network was not asked.
  Recognition recognition(const std::string& name, Verdict verdict, std::span<const float> logits) const {
    if (logits.empty()) return {name, to_text(verdict)};
    std::vector<float> p(logits.begin(), logits.end());
    if (!std::isfinite(softmax(p))) throw no_number(model_path_);
    const bool knows_outliers = has_outlier_class(names_);
    const std::vector<Candidate> top = top_three(std::span(p).first(p.size() - knows_outliers));
    if (knows_outliers && argmax(p) == p.size() - 1) return {name, to_text(Verdict::not_one_digit), top};
    const bool is_sure = static_cast<double>(top.front().confidence) >= threshold_;
    return {name, is_sure ? to_text(Verdict::digit) : "not sure", top};
  }

  // Pictures can be prepared for networks that take 28x28.
  Reading read(NamedPictures& source, const std::string& name) const {
    try {
      const bool as_it_is = raw_ || !size_.is(kDigitSide, kDigitSide);
      NetworkPicture picture = source.read(name, as_it_is);
      if (size_.is(picture.rows, picture.cols)) return {.picture = std::move(picture)};
      return {.error = name + ": " + std::to_string(picture.rows) + " x " + std::to_string(picture.cols) +
                       " pixels, expected " + size_.text() + ", as " + model_path_ + " takes"};
    } catch (const Error& error) {
      return {.error = error.what()};
    } catch (const std::bad_alloc&) {
      return {.error = name + ": is too large for the memory that is left"};
    } catch (const std::exception& error) {  // on a thread of the team nothing else may come out
      return {.error = name + ": cannot be read: " + error.what()};
    }
  }

  void print(const Recognition& result, const NetworkPicture& picture) const {
    if (json_) {
      std::printf("%s\n", json_text(to_json(result, names_)).c_str());
    } else {
      std::printf("%s\n", to_text(result, names_).c_str());
      if (show_) std::fputs(ascii_picture(picture).c_str(), stdout);
    }
  }

  std::string program_;
  CLI::App& command_;
  std::string model_path_, class_names_path_;
  std::vector<std::string> images_, names_;
  double threshold_ = kLeastSure;
  bool json_ = false, show_ = false, raw_ = false;
  std::size_t threads_;
  InputSize size_;
};

}  // namespace nn::cli
