// dump_prepared < DRAWINGS: prints why each drawing is rejected, or "digit", in quotes, then its 28x28
// picture.
#include <cstdio>
#include <iostream>

#include "prepared_cases.hpp"

int main() {
  try {
    while (const auto prepared = nn::test::prepare_next(std::cin)) {
      std::printf("\"%s\"\n", to_text(prepared->reject));
      for (std::size_t i = 0; i < prepared->picture.size(); ++i) {
        std::printf("%.9g%c", prepared->picture[i], (i + 1) % nn::kDigitSide == 0 ? '\n' : ' ');
      }
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dump_prepared: error: %s\n", error.what());
    return 1;
  }
}
