#include "nn/files/safetensors.hpp"

#include <array>
#include <cmath>
#include <tuple>

#include <nlohmann/json.hpp>

#include "nn/files/json.hpp"

namespace nn {

Error detail::tensor_error(const std::string& path, const std::string& name, const std::string& message) {
  return Error(path, "tensor " + json_in_brief(nlohmann::json(name)) + " " + message);
}

namespace {

// Bytes of a value of each type of the format; 0 for what is none.
std::size_t safetensors_value_size(std::string_view dtype) {
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

// The JSON object in `text`.
nlohmann::json parse_safetensors_json(const std::string& path, std::string_view text) {
  constexpr std::size_t deepest = 8;  // levels; a header has three
  std::string fault;
  nlohmann::json json = parse_json(text, deepest, &fault);
  if (!fault.empty()) throw Error(path, "header " + fault + ", expected a SafeTensors file");
  if (json.is_object() && text.starts_with('{')) return json;
  throw Error(path, "header is no JSON object, expected a SafeTensors file");
}

// One tensor's entry, whose bytes have to lie within `data_size` and to fit its shape.
SafetensorsInfo parse_safetensors_info(const std::string& path, const std::string& name,
                                       const nlohmann::json& entry, std::size_t data_size) {
  const auto refuse = [&](const std::string& message) { throw detail::tensor_error(path, name, message); };
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
detail::SafetensorsHeader parse_safetensors_header(const std::string& path, std::string_view text,
                                                   std::size_t data_size) {
  detail::SafetensorsHeader header;
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
      throw detail::tensor_error(path, name,
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

// IEEE 754 binary16: 1 bit of sign, 5 of exponent, 10 of fraction.
float float_of_half(std::uint16_t half) {
  const int exponent = half >> 10 & 0x1f, fraction = half & 0x3ff;
  const float size = exponent == 0x1f ? (fraction == 0 ? HUGE_VALF : NAN)
                     : exponent == 0  ? std::ldexp(static_cast<float>(fraction), -24)
                                      : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
  return half & 0x8000 ? -size : size;
}

}  // namespace

std::size_t SafetensorsWriter::save(const std::string& path) const {
  // Wide types first, so that every tensor is aligned; the package does the same.
  std::vector<const StoredTensor*> order;
  for (const StoredTensor& t : tensors_) order.push_back(&t);
  std::ranges::stable_sort(order, std::ranges::greater(), &StoredTensor::value_size);

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata_.empty()) header["__metadata__"] = metadata_;
  std::size_t end = 0;
  for (const StoredTensor* t : order) {
    const std::size_t begin = end;
    end += t->bytes.size();
    header[t->name] = {{"dtype", t->dtype}, {"shape", t->shape}, {"data_offsets", {begin, end}}};
  }
  // A path among the metadata may be any bytes; what is not UTF-8 becomes U+FFFD.
  std::string text = json_text(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');

  AtomicFile file(path);
  const std::uint64_t length = text.size();
  char length_bytes[sizeof length];
  std::memcpy(length_bytes, &length, sizeof length);
  file.write({length_bytes, sizeof length});
  file.write(text);
  for (const StoredTensor* t : order) file.write(t->bytes);
  file.commit();
  return sizeof length + text.size() + end;
}

Safetensors::Safetensors(InputFile file) : file_(std::move(file)) {
  const std::string& path = file_.path();
  constexpr std::uint64_t largest_header = 100'000'000;  // as in the package
  const std::uint64_t size = file_.size();
  std::uint64_t length = 0;
  if (size < sizeof length) {
    throw Error(path, "only " + std::to_string(size) + " bytes long, expected a SafeTensors file");
  }
  file_.read_at(0, &length, sizeof length);
  if (length > std::min(size - sizeof length, largest_header)) {
    throw Error(path, "announces a header of " + std::to_string(length) +
                          " bytes, expected a SafeTensors file, with one of at most " +
                          std::to_string(std::min(size - sizeof length, largest_header)));
  }
  std::string text(length, '\0');
  file_.read_at(sizeof length, text.data(), text.size());
  data_offset_ = sizeof length + length;
  header_ = parse_safetensors_header(path, text, size - data_offset_);
}

void Safetensors::read_floats(const std::string& name, std::span<const std::size_t> expected_shape,
                              std::span<float> out) const {
  if (dtype(name) != "F16" && dtype(name) != "F32") {
    throw detail::tensor_error(path(), name, "has dtype " + dtype(name) + ", expected F32 or F16");
  }
  if (dtype(name) == "F32") return read(name, expected_shape, out);
  check_shape(name, expected_shape);
  std::vector<std::uint16_t> halves(out.size());
  file_.read_at(data_offset_ + info(name).begin, halves.data(), halves.size() * sizeof halves[0]);
  std::ranges::transform(halves, out.begin(), float_of_half);
}

}  // namespace nn
