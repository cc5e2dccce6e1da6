// Strokes through the C interface, to a network whose weights are 0.
//
// Bytes: the number of strokes; the length of each but the last one, to which the rest belongs; then float32:
// the pen's width, x, y, x, y, ...
#include <algorithm>
#include <array>
#include <vector>

#include "recognizer.hpp"

namespace {

// 784 -> 1 -> 10 as .bin.
nn_recognizer* zero_network() {
  constexpr std::array<std::int32_t, 3> sizes{784, 1, 10};
  std::vector<std::uint8_t> file(sizeof sizes + sizeof(double) * (784 + 1 + 10 + 10));
  std::memcpy(file.data(), sizes.data(), sizeof sizes);
  char error[NN_RECOGNIZER_ERROR_SIZE];
  return nn_recognizer_load(file.data(), file.size(), "zeros", error, sizeof error);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static nn_recognizer* const recognizer = zero_network();
  REQUIRE_THAT(recognizer != nullptr);
  std::span<const std::uint8_t> bytes(data, size);
  const auto take = [&](std::size_t count) {
    const auto taken = bytes.first(std::min(count, bytes.size()));
    bytes = bytes.subspan(taken.size());
    return taken;
  };
  const auto first = take(1);
  const std::size_t strokes = first.empty() ? 0 : first[0];
  std::vector<std::size_t> lengths;
  if (strokes > 0) {
    for (const std::uint8_t length : take(strokes - 1)) lengths.push_back(length);
  }
  float pen = 0;
  const auto width = take(sizeof pen);
  std::memcpy(&pen, width.data(), width.size());
  std::vector<float> numbers(bytes.size() / sizeof(float));
  if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(float));
  const std::vector<double> points(numbers.begin(), numbers.end());

  std::size_t left = points.size() / 2;
  for (std::size_t& length : lengths) left -= length = std::min(length, left);
  if (strokes > 0) lengths.push_back(left);
  nn_recognition found{};
  const int status = nn_recognizer_strokes(recognizer, points.data(), lengths.data(), lengths.size(),
                                           static_cast<double>(pen), &found);
  nn::fuzz::check(recognizer, status, found);
  return 0;
}
