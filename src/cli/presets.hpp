// Presets: options for a purpose, a word in place of a line. They are options and nothing else.
#pragma once

#include <string>
#include <vector>

#include "cli/settings.hpp"

namespace nn::cli {

// "plain" and what else there is, for every MNIST program.
std::vector<std::string> preset_names();

// The settings of a program's preset, as in a --config file; none of "plain".
Settings preset(const std::string& program, const std::string& name);

}  // namespace nn::cli
