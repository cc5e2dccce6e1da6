// The text of --layers: a network's own text and JSON make the same network again.
#include <nlohmann/json.hpp>

#include "fuzz.hpp"
#include "nn/network.hpp"

using namespace nn;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMaxParameters = 100'000;  // larger networks are parsed, but take too long to build
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const Shape& input : {Shape{28, 28, 1}, Shape{784}}) {
    fuzz::succeeds([&] {
      NetworkBuilder builder = parse_network(text, input, "--layers");
      if (builder.parameters() > kMaxParameters) return;
      const Network network = std::move(builder).build();
      REQUIRE_THAT(parse_network(network.text(), input, "text").build().json() == network.json());
      REQUIRE_THAT(network_of_json(network.json(), "json").build().text() == network.text());
      REQUIRE_THAT(!network.table().empty());
    });
  }
  return 0;
}
