// What a result of nn/recognizer.h promises.
#pragma once

#include <cmath>
#include <cstring>
#include <string_view>

#include "fuzz.hpp"
#include "nn/recognizer.h"

namespace nn::fuzz {

inline void check(const nn_recognizer* r, int status, const nn_recognition& found) {
  const std::string_view error = nn_recognizer_error(r);
  REQUIRE_THAT(error.empty() == (status == 0));
  REQUIRE_THAT(error.find('\n') == error.npos && error.size() < NN_RECOGNIZER_ERROR_SIZE);
  if (status != 0) return;
  REQUIRE_THAT(found.status >= NN_RECOGNIZED && found.status <= NN_NOT_ONE_DRAWING);
  REQUIRE_THAT((found.label >= 0) == (found.status == NN_RECOGNIZED));
  REQUIRE_THAT((found.name != nullptr) == (found.label >= 0));
  REQUIRE_THAT(found.status_text != nullptr && found.pixels != nullptr);
  if (found.probabilities == nullptr) return;
  double sum = 0;
  for (std::size_t i = 0; i < found.classes; ++i) {
    REQUIRE_THAT(found.probabilities[i] >= 0);
    sum += static_cast<double>(found.probabilities[i]);
  }
  REQUIRE_THAT(sum < 1.001);
}

}  // namespace nn::fuzz
