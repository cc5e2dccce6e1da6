// Model files in the style of mlp.c.
#include <algorithm>

#include "fuzz.hpp"
#include "nn/files/bin_files.hpp"

using namespace nn;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::succeeds([&] {
    const Network network = load_bin(InputFile("model.bin", {data, size}));
    REQUIRE_THAT(!unsupported_by_bin(network));
    REQUIRE_THAT(sizeof(double) * network.parameters() <= size);
    for (const Tensor* t : network.state()) REQUIRE_THAT(finite(std::span<const float>(t->value)));
  });
  return 0;
}
