// dump_logits MODEL IMAGES.idx COUNT: prints the logits of the first images, one line each.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "nn/core/parallel.hpp"
#include "nn/data/idx.hpp"
#include "nn/files/model_files.hpp"

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw nn::Error("dump_logits", "expected MODEL IMAGES COUNT");
    nn::Network network = nn::load_model(argv[1]);
    const nn::Images images = nn::read_idx_images(argv[2]);
    const std::size_t count = std::min<std::size_t>(images.count, std::strtoul(argv[3], nullptr, 10));
    const std::vector<std::uint8_t> no_labels(count);
    nn::ThreadTeam team(1);
    const nn::Batch batch{count, images.pixels().first(count * images.rows * images.cols), no_labels};
    const std::span<const float> logits = network.forward(batch, {team});
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const bool last = (i + 1) % (logits.size() / count) == 0;
      std::printf("%.9g%c", static_cast<double>(logits[i]), last ? '\n' : ' ');
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dump_logits: error: %s\n", error.what());
    return 1;
  }
}
