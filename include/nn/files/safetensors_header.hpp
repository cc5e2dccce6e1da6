// The SafeTensors format: named tensors, as the Python package `safetensors` writes and reads them.
//
//   uint64 N, little-endian; N bytes of JSON, spaces at its end; then the values, little-endian, row-major:
//   {"__metadata__": {"seed": "42"}, "W1": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
//
// Metadata maps text to text. A tensor's data_offsets are its begin and end in the bytes behind the header;
// together the tensors cover these bytes without overlap and without a gap.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "nn/core/error.hpp"
#include "nn/core/text.hpp"
#include "nn/files/json.hpp"

namespace nn {

// The format's name of a type that is read and written here; "" for all others.
template <class T>
inline constexpr std::string_view safetensors_dtype = "";
template <>
inline constexpr std::string_view safetensors_dtype<float> = "F32";
template <>
inline constexpr std::string_view safetensors_dtype<double> = "F64";
template <>
inline constexpr std::string_view safetensors_dtype<std::uint8_t> = "U8";
template <>
inline constexpr std::string_view safetensors_dtype<std::int32_t> = "I32";
template <>
inline constexpr std::string_view safetensors_dtype<std::uint32_t> = "U32";
template <>
inline constexpr std::string_view safetensors_dtype<std::int64_t> = "I64";
template <>
inline constexpr std::string_view safetensors_dtype<std::uint64_t> = "U64";
template <class T>
concept SafetensorsValue = !safetensors_dtype<T>.empty();

// "(784, 512)", as Python writes it.
inline std::string shape_text(std::span<const std::size_t> shape) {
  std::string text = "(";
  text += join(shape, ", ");
  return text + (shape.size() == 1 ? ",)" : ")");
}

struct SafetensorsInfo {
  std::string dtype;
  std::vector<std::size_t> shape;
  std::size_t begin = 0, end = 0;  // in the bytes behind the header
};

namespace detail {

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::map<std::string, SafetensorsInfo> tensors;
};

// Bytes of a value of each type of the format; 0 for what is none.
inline std::size_t safetensors_value_size(std::string_view dtype) {
  constexpr std::array<std::pair<std::string_view, std::size_t>, 15> sizes{{{"BOOL", 1},
                                                                            {"U8", 1},
                                                                            {"I8", 1},
                                                                            {"F8_E5M2", 1},
                                                                            {"F8_E4M3", 1},
                                                                            {"U16", 2},
                                                                            {"I16", 2},
                                                                            {"F16", 2},
                                                                            {"BF16", 2},
                                                                            {"U32", 4},
                                                                            {"I32", 4},
                                                                            {"F32", 4},
                                                                            {"U64", 8},
                                                                            {"I64", 8},
                                                                            {"F64", 8}}};
  const auto found = std::ranges::find(sizes, dtype, [](auto& entry) { return entry.first; });
  return found == sizes.end() ? 0 : found->second;
}

inline Error tensor_error(const std::string& path, const std::string& name, const std::string& message) {
  return Error(path, "tensor " + json_in_brief(nlohmann::json(name)) + " " + message);
}

// The JSON object in `text`. A key that is given twice is refused: nlohmann::json would keep one of the two.
// So is what is nested deeper than any header, as nlohmann::json prints with a stack frame a level.
inline nlohmann::json parse_safetensors_json(const std::string& path, std::string_view text) {
  using nlohmann::json;
  std::vector<std::set<std::string>> keys;  // of the objects around the current place, outermost first
  const auto check = [&](int depth, json::parse_event_t event, const json& value) {
    if (depth > 8) throw Error(path, "header is nested deeper than 8 levels, expected a SafeTensors file");
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      throw Error(path, "header has " + json_in_brief(value) + " twice, expected each name once");
    }
    return true;
  };
  try {
    if (text.starts_with('{')) return json::parse(text, check);
  } catch (const json::exception&) {
  }
  throw Error(path, "header is not JSON, expected a SafeTensors file, whose header is a JSON object");
}

// One tensor's entry, whose bytes have to lie within `data_size` and to fit its shape.
inline SafetensorsInfo parse_safetensors_info(const std::string& path, const std::string& name,
                                              const nlohmann::json& entry, std::size_t data_size) {
  const auto refuse = [&](const std::string& message) { throw tensor_error(path, name, message); };
  const auto sizes = [&](const char* key) {
    const auto found = entry.find(key);
    if (found == entry.end() || !found->is_array() ||
        !std::ranges::all_of(*found, [](auto& size) { return size.is_number_unsigned(); })) {
      refuse("has no valid " + std::string(key) + ", expected a list of whole numbers");
    }
    return found->get<std::vector<std::size_t>>();
  };
  if (!entry.is_object()) refuse("is no JSON object, expected one with dtype, shape and data_offsets");
  const auto dtype = entry.find("dtype");
  const std::size_t value_size =
      dtype != entry.end() && dtype->is_string() ? safetensors_value_size(dtype->get<std::string>()) : 0;
  if (value_size == 0) {
    refuse("has dtype " + (dtype == entry.end() ? "none" : json_in_brief(*dtype)) +
           ", expected F32, U8, I64 or so");
  }
  const std::vector<std::size_t> shape = sizes("shape"), offsets = sizes("data_offsets");
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data_size) {
    refuse("has data_offsets " + json_in_brief(entry["data_offsets"]) + ", expected begin and end in " +
           std::to_string(data_size) + " bytes of data");
  }
  const std::size_t bytes = offsets[1] - offsets[0];
  std::size_t expected = value_size;
  bool overflows = false;
  for (const std::size_t size : shape) overflows |= __builtin_mul_overflow(expected, size, &expected);
  if (overflows || expected != bytes) {
    refuse("of shape " + shape_text(shape) + " and dtype " + dtype->get<std::string>() + " has " +
           std::to_string(bytes) + " bytes, expected " + (overflows ? "far more" : std::to_string(expected)));
  }
  return {dtype->get<std::string>(), shape, offsets[0], offsets[1]};
}

// The header `text` of a file with `data_size` bytes of values behind it. Throws Error if the two do not fit.
inline SafetensorsHeader parse_safetensors_header(const std::string& path, std::string_view text,
                                                  std::size_t data_size) {
  SafetensorsHeader header;
  const nlohmann::json json = parse_safetensors_json(path, text);
  for (const auto& [name, entry] : json.items()) {
    if (name != "__metadata__") {
      header.tensors.emplace(name, parse_safetensors_info(path, name, entry, data_size));
      continue;
    }
    if (!entry.is_object() || !std::ranges::all_of(entry, [](auto& value) { return value.is_string(); })) {
      throw Error(path, "__metadata__ is not a map from text to text, expected {\"key\": \"text\", ...}");
    }
    entry.get_to(header.metadata);
  }
  std::vector<std::tuple<std::size_t, std::size_t, std::string>> by_place;
  for (const auto& [name, info] : header.tensors) by_place.emplace_back(info.begin, info.end, name);
  std::ranges::sort(by_place);
  std::size_t covered = 0;
  for (const auto& [begin, end, name] : by_place) {
    if (begin != covered) {
      throw tensor_error(path, name,
                         "begins at byte " + std::to_string(begin) + " of the data, expected " +
                             std::to_string(covered) + ", where the one before it ends");
    }
    covered = end;
  }
  if (covered != data_size) {
    throw Error(path, std::to_string(data_size) + " bytes of data, expected " + std::to_string(covered) +
                          " for the tensors of its header");
  }
  return header;
}

}  // namespace detail

}  // namespace nn
