// Texts: those that others wrote, such as names and values in files, what they are and how messages show
// them; and lists and numbers as text.
#pragma once

#include <charconv>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>

namespace nn {

inline bool is_control_character(char c) {
  return static_cast<unsigned char>(c) < 32 || c == 127;
}

// As Unicode 15, table 3-7, has it: no longer form than needed, no surrogate, nothing beyond U+10FFFF.
inline bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto byte = [&](std::size_t i) {
      return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
    };
    const int lead = byte(0);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xc2 ? 0
                               : lead < 0xe0 ? 2
                               : lead < 0xf0 ? 3
                               : lead < 0xf5 ? 4
                                             : 0;
    if (length == 0) return false;
    for (std::size_t i = 1; i < length; ++i) {
      const bool is_second = i == 1;
      const int lowest = is_second && lead == 0xe0 ? 0xa0 : is_second && lead == 0xf0 ? 0x90 : 0x80;
      const int highest = is_second && lead == 0xed ? 0x9f : is_second && lead == 0xf4 ? 0x8f : 0xbf;
      if (byte(i) < lowest || byte(i) > highest) return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

// With its control characters written out, as \x0a: nothing in it begins a line or commands a terminal.
inline std::string one_line(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string line;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (is_control_character(c)) {
      line += {'\\', 'x', digits[code / 16u], digits[code % 16u]};
    } else {
      line += c;
    }
  }
  return line;
}

// At most 60 bytes of it, the cut between two letters and marked by three dots: enough of a value for a
// message.
inline std::string shortened(std::string_view text) {
  constexpr std::size_t longest = 60;
  if (text.size() <= longest) return std::string(text);
  std::size_t size = longest - 3;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return std::string(text.substr(0, size)) + "...";
}

// The items of a list with `separator` between them: texts or numbers, or what text_of(item) makes of each.
template <class List, class TextOf = std::identity>
std::string join(const List& list, std::string_view separator, TextOf text_of = {}) {
  std::string text;
  bool is_first = true;
  for (const auto& item : list) {
    if (!is_first) text += separator;
    is_first = false;
    const auto& part = std::invoke(text_of, item);
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(part)>>) {
      text += std::to_string(part);
    } else {
      text += part;
    }
  }
  return text;
}

// With no more digits than it needs: 0.2, 64.
inline std::string number_text(double x) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, x).ptr};
}

}  // namespace nn
