// What the classes are called: a text file, one name a line, class 0 first.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/core/text.hpp"
#include "nn/files/read_file.hpp"

namespace nn {

// Where a data set has them, beside its images.
inline constexpr const char* kClassNamesFile = "class-names.txt";

// What the last class is called if it is of what belongs to no other class: see outliers.hpp.
inline constexpr const char* kOutlierName = "none of these";
inline bool has_outlier_class(std::span<const std::string> names) {
  return names.size() > 1 && names.back() == kOutlierName;
}

// Something to print on one line.
inline bool is_class_name(std::string_view text) {
  return !text.empty() && is_utf8(text) && std::ranges::none_of(text, is_control_character);
}

// "0", "1", ...: the names of classes that have no others.
inline std::vector<std::string> numbers_as_names(std::size_t classes) {
  std::vector<std::string> names;
  for (std::size_t c = 0; c < classes; ++c) names.push_back(std::to_string(c));
  return names;
}

// Spaces around a name and empty lines at the end do not count. `classes` names are expected; 0: any number.
// Throws Error if there are more or fewer, or if a name is empty, given twice, not UTF-8, or holds control
// characters.
inline std::vector<std::string> load_class_names(const std::string& path, std::size_t classes) {
  const Bytes bytes = read_file(path, kLargestText);
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (rest.starts_with("\xef\xbb\xbf")) rest.remove_prefix(3);  // UTF-8's mark, which some editors write
  rest = rest.substr(0, rest.find_last_not_of(" \t\r\n") + 1);

  std::vector<std::string> names;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const std::size_t begin = line.find_first_not_of(" \t\r"), end = line.find_last_not_of(" \t\r") + 1;
    const std::string name(begin == line.npos ? "" : line.substr(begin, end - begin));
    const auto refuse = [&](const std::string& found) {
      throw Error(path, "line " + std::to_string(names.size() + 1) + " " + found +
                            ", expected the name of a class, each once, one a line");
    };
    if (name.empty()) refuse("is empty");
    if (!is_utf8(name)) refuse("is not UTF-8");
    if (!is_class_name(name)) refuse("holds control characters");
    if (std::ranges::find(names, name) != names.end()) refuse("has " + shortened(name) + " again");
    if (names.size() == 256) throw Error(path, "more than 256 names, expected one for each class");
    names.push_back(name);
  }
  if (names.empty() || (classes != 0 && names.size() != classes)) {
    throw Error(path, std::to_string(names.size()) + " names, expected " +
                          (classes == 0 ? "one" : std::to_string(classes) + ", one") + " for each class");
  }
  return names;
}

}  // namespace nn
