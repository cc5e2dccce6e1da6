// The words for the values of an enum, the same ones on command lines and in files.
#pragma once

#include <array>
#include <cassert>
#include <optional>
#include <string_view>
#include <utility>

namespace nn {

template <class Enum, std::size_t N>
using Names = std::array<std::pair<const char*, Enum>, N>;

template <class Enum, std::size_t N>
const char* name_of(const Names<Enum, N>& names, Enum value) {
  for (const auto& [name, meaning] : names) {
    if (meaning == value) return name;
  }
  assert(false);
  return "";
}

template <class Enum, std::size_t N>
std::optional<Enum> named(const Names<Enum, N>& names, std::string_view text) {
  for (const auto& [name, meaning] : names) {
    if (name == text) return meaning;
  }
  return std::nullopt;
}

}  // namespace nn
