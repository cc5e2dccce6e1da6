// Model bytes, .bin or .safetensors, through the C interface; whatever loads has to recognise.
#include <memory>
#include <vector>

#include "recognizer.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMaxPixels = 4096;  // networks for larger images load, but take too long to run
  char error[NN_RECOGNIZER_ERROR_SIZE];
  const std::unique_ptr<nn_recognizer, decltype(&nn_recognizer_free)> r(
      nn_recognizer_load(data, size, "model", error, sizeof error), nn_recognizer_free);
  REQUIRE_THAT((r == nullptr) == (*error != '\0'));
  if (!r) return 0;

  const std::size_t rows = nn_recognizer_rows(r.get()), cols = nn_recognizer_cols(r.get());
  for (std::size_t i = 0; i <= nn_recognizer_classes(r.get()); ++i) nn_recognizer_class_name(r.get(), i);
  if (rows * cols > kMaxPixels) return 0;
  std::vector<std::uint8_t> pixels(rows * cols);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i % 251);
  nn_recognition found{};
  const int status = nn_recognizer_image(r.get(), pixels.data(), rows, cols, &found);
  nn::fuzz::check(r.get(), status, found);
  REQUIRE_THAT(status != 0 || (found.rows == rows && found.cols == cols));
  nn_explanation why{};
  const int explained = nn_recognizer_explain(r.get(), &why);
  REQUIRE_THAT(explained != 0 || (why.saliency != nullptr && why.rows == rows && why.cols == cols));

  std::vector<std::uint8_t> paper(40 * 30, 255);  // with an ink cross on it
  for (std::size_t i = 8; i < 22; ++i) paper[20 * 30 + i] = paper[(5 + i) * 30 + 15] = 0;
  nn::fuzz::check(r.get(), nn_recognizer_picture(r.get(), paper.data(), 40, 30, &found), found);
  return 0;
}
