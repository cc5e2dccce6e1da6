// Which sizes a network may have: tests/golden/network_limits.json has networks, accepted or not, as a
// .safetensors and, where it can say them, a .bin has them. tests/python/test_network_limits.py reads the
// same cases.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "nn/files/bin_files.hpp"
#include "nn/network.hpp"
#include "temporary_folder.hpp"

using namespace nn;

namespace {

nlohmann::json limit_cases() {
  return nlohmann::json::parse(test::file_bytes(NN_SOURCE_DIR "/tests/golden/network_limits.json"));
}

// All weights 0, in a file that takes no space on the disk.
void write_bin(const std::string& path, const nlohmann::json& bin) {
  std::ofstream file(path, std::ios::binary);
  for (const auto& [offset, sizes] : bin["sizes"].items()) {
    file.seekp(std::stoll(offset));
    for (const std::int32_t size : sizes.get<std::vector<std::int32_t>>()) {
      file.write(reinterpret_cast<const char*>(&size), sizeof size);
    }
  }
  file.close();
  std::filesystem::resize_file(path, bin["bytes"].get<std::uintmax_t>());
}

template <class Action>
bool throws_error(Action action) {
  try {
    action();
  } catch (const Error&) {
    return true;
  }
  return false;
}

}  // namespace

TEST_CASE("networks at their limits, as JSON") {
  for (const nlohmann::json& entry : limit_cases()) {
    INFO(entry.dump());
    const bool refused = throws_error([&] {
      NetworkBuilder network = network_of_json(entry["network"], "file");
      if (network.parameters() < 1'000'000) std::move(network).build();  // larger ones would only take time
    });
    CHECK(refused != entry["accepted"].get<bool>());
  }
}

TEST_CASE("networks at their limits, in a .bin") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "model.bin";
  for (const nlohmann::json& entry : limit_cases()) {
    if (!entry.contains("bin")) continue;
    INFO(entry.dump());
    write_bin(path, entry["bin"]);
    const bool refused = throws_error([&] { load_bin(InputFile(path)); });
    CHECK(refused != entry["accepted"].get<bool>());
  }
}

TEST_CASE("a .bin beyond the limits is told what is too large") {
  const test::TemporaryFolder folder;
  const std::string path = folder / "model.bin";
  const auto refusal = [&](const char* bin) {
    write_bin(path, nlohmann::json::parse(bin));
    return test::error_of([&] { load_bin(InputFile(path)); });
  };
  CHECK(refusal(R"({"bytes": 2097212, "sizes": {"0": [1, 65537, 2]}})") ==
        path + ": dense has \"units\": 65537, expected a whole number from 1 to 65536");
  CHECK(refusal(R"({"bytes": 33948, "sizes": {"0": [1, 4225, 1, 1, 2]}})") ==
        path + ": layer 1, patches: found 4225 patches an image, expected at most 4096");
}
