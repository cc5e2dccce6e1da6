// What the MNIST programs can do beside training: PROGRAM predict, PROGRAM evaluate, PROGRAM augment.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/options.hpp"
#include "nn/data/network_picture.hpp"
#include "nn/recognizer/recognizer.hpp"

namespace nn::cli {

void add_predict(Options& app);
void add_evaluate(Options& app);
void add_augment_command(Options& app);

// --- What predict says of a picture: a line to read, or a JSON object on a line.
//
//   7.png: 7 (99.1 %), then 9 (0.5 %), 2 (0.2 %)
//   8.png: not sure: 8 (48.0 %), 3 (41.2 %), 5 (6.6 %)
//   9.png: nothing drawn
//
//   {"picture": "7.png", "status": "digit", "class": 7, "name": "7", "confidence": 0.991,
//    "top": [{"class": 7, "name": "7", "confidence": 0.991}, ...]}
//
// status: digit, not sure, nothing drawn, too small, lines across the paper, not a single digit; of a model
// of other things "recognised" and "not a single drawing". class, name and confidence are null unless it is
// "digit" or "recognised"; top is empty if the network was not asked.

struct Candidate {
  std::size_t label;
  float confidence;  // probability
};

// The likeliest three classes, or all if they are fewer; of equal ones the first.
std::vector<Candidate> top_three(std::span<const float> probabilities);

// `picture`: as the user named it.
std::string to_text(const std::string& picture, const Recognition& recognition,
                    std::span<const std::string> names);
nlohmann::ordered_json to_json(const std::string& picture, const Recognition& recognition,
                               std::span<const std::string> names);

// Two letters a pixel, as letters are twice as high as wide, in a frame.
std::string ascii_picture(const NetworkPicture& picture);

}  // namespace nn::cli
