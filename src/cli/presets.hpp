// Presets: options for a purpose, a word in place of a line. They are options and nothing else.
#pragma once

#include <string>
#include <vector>

#include "cli/settings.hpp"

namespace nn::cli {

// Of a program: "plain" and what else there is.
std::vector<std::string> preset_names(const std::string& program);

// The settings of a program's preset, as in a --config file; none of "plain".
Settings preset(const std::string& program, const std::string& name);

}  // namespace nn::cli
