// What `predict` says of a picture: a line to read, or a JSON object on a line.
//
//   7.png: 7 (99.1 %), then 9 (0.5 %), 2 (0.2 %)
//   8.png: not sure: 8 (48.0 %), 3 (41.2 %), 5 (6.6 %)
//   9.png: nothing drawn
//
//   {"picture": "7.png", "verdict": "digit", "class": 7, "name": "7", "confidence": 0.991,
//    "top": [{"class": 7, "name": "7", "confidence": 0.991}, ...]}
//
// verdict: digit, not sure, nothing drawn, too small, not a single digit. class, name and confidence are null
// unless it is "digit"; top is empty if the network was not asked.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/data/named_picture.hpp"

namespace nn::cli {

struct Candidate {
  std::size_t label;
  float confidence;  // probability
};

// The likeliest three classes, or all if they are fewer; of equal ones the first.
inline std::vector<Candidate> top_three(std::span<const float> probabilities) {
  std::vector<Candidate> top;
  for (std::size_t c = 0; c < probabilities.size(); ++c) {
    const auto place = std::ranges::find_if(top, [&](auto& t) { return t.confidence < probabilities[c]; });
    top.insert(place, {c, probabilities[c]});
    top.resize(std::min<std::size_t>(3, top.size()));
  }
  return top;
}

struct Recognition {
  std::string picture;           // as the user named it
  std::string verdict;           // as above
  std::vector<Candidate> top{};  // the likeliest first
};

inline std::string to_text(const Recognition& r, std::span<const std::string> names) {
  const bool is_sure = r.verdict == to_text(Verdict::digit);
  std::string text = r.picture + ": " + (is_sure ? "" : r.verdict);
  for (std::size_t i = 0; i < r.top.size(); ++i) {
    char share[16];
    std::snprintf(share, sizeof share, " (%.1f %%)", 100.0 * static_cast<double>(r.top[i].confidence));
    const char* before = i == 0 ? (is_sure ? "" : ": ") : i == 1 && is_sure ? ", then " : ", ";
    text += before + names[r.top[i].label] + share;
  }
  return text;
}

inline nlohmann::ordered_json to_json(const Recognition& r, std::span<const std::string> names) {
  auto top = nlohmann::ordered_json::array();
  for (const Candidate& c : r.top) {
    top.push_back({{"class", c.label}, {"name", names[c.label]}, {"confidence", c.confidence}});
  }
  nlohmann::ordered_json json{{"picture", r.picture}, {"verdict", r.verdict}};
  for (const char* key : {"class", "name", "confidence"}) {
    json[key] = r.verdict == to_text(Verdict::digit) ? top[0][key] : nlohmann::ordered_json();
  }
  json["top"] = std::move(top);
  return json;
}

// Two letters a pixel, as letters are twice as high as wide, in a frame.
inline std::string ascii_picture(const NetworkPicture& picture) {
  constexpr std::string_view shades = " .:-=+*#%@";
  std::string edge(2 * picture.cols + 3, '-');
  edge.front() = edge[edge.size() - 2] = '+';
  edge.back() = '\n';
  std::string text = edge;
  for (std::size_t row = 0; row < picture.rows; ++row) {
    text += '|';
    for (std::size_t col = 0; col < picture.cols; ++col) {
      text.append(2, shades[picture.pixels[row * picture.cols + col] * shades.size() / 256]);
    }
    text += "|\n";
  }
  return text + edge;
}

}  // namespace nn::cli
