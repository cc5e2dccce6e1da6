#include "nn/files/signature.hpp"

#include <cmath>
#include <string>

#include "catch.hpp"
#include "nn/files/model_files.hpp"
#include "nn/network.hpp"
#include "nn/xor_net.hpp"
#include "temporary_folder.hpp"

using namespace nn;

namespace {

// Every value is 1 / (k + 1) for k = 0, 1, ...
Network counted_down(const std::string& layers, const Shape& input) {
  Network network = parse_network(layers, input, "test").build();
  float k = 0;
  for (Tensor* t : network.state()) {
    for (float& v : t->value) v = 1.0f / ++k;
  }
  return network;
}

std::string signature_of(const std::string& layers, const Shape& input = {4, 4, 1}) {
  return signature(counted_down(layers, input));
}

}  // namespace

// Files say these: any other number would make every existing model look altered.
TEST_CASE("signatures are those of existing files") {
  CHECK(signature_of("dense 4, relu, dense 3") == "1933ddcbf96a68bf");
  CHECK(signature_of("conv 2 3x3, batch-norm, residual(relu), global-avg-pool, dense 3") ==
        "26c1a7581757c75d");
  SimpleRng rng(42);
  CHECK(signature(XorNet(4, rng)) == "b631a45a6fccb250");
}

TEST_CASE("a signature is of all that decides what a trained network says") {
  const std::string layers = "conv 2 3x3, batch-norm, relu, dense 3";
  const std::string expected = signature_of(layers);
  CHECK(signature_of("conv 2 3x3, batch-norm, gelu, dense 3") != expected);
  for (std::size_t i = 0; i < counted_down(layers, {4, 4, 1}).state().size(); ++i) {
    Network network = counted_down(layers, {4, 4, 1});
    Tensor& tensor = *network.state()[i];
    INFO(tensor.name);
    float& last = tensor.value.back();
    const float before = last;
    last = std::nextafter(before, 2.0f);
    CHECK(signature(network) != expected);
    last = before;
    CHECK(signature(network) == expected);
  }
}

TEST_CASE("a signature is not of what only training knows, nor of the images' rows") {
  CHECK(signature_of("dense 4, dropout 0.5, relu, residual(relu, dropout 0.1), dense 3") ==
        signature_of("dense 4, relu, residual(relu), dense 3", {16}));
  CHECK(signature_of("patches 2 4, position learned, mean, dense 3") ==
        signature_of("patches 2 4, position sinusoidal, mean, dense 3"));
}

TEST_CASE("a signature is the same in a .bin and in a .safetensors, which says it") {
  const test::TemporaryFolder folder;
  for (const char* layers :
       {"dense 4, dropout 0.5, relu, dense 3", "conv 2 3x3, relu, max-pool 2, dense 3",
        "patches 2 4, position learned, relu, attention 1, dense 6, relu, dense 4, mean, dense 3"}) {
    const Network network = counted_down(layers, {4, 4, 1});
    save_model(network, folder / "a.bin");
    CHECK(signature(load_model(folder / "a.bin")) == signature(network));
    save_model(network, folder / "a.safetensors", {{"epoch", "3"}});
    CHECK(read_stored_model(InputFile(folder / "a.safetensors")).signature == signature(network));
  }
}
