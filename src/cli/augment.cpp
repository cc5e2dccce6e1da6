// PROGRAM augment --augment LIST: a picture of what augmentation does to training images.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <span>

#include "cli/commands.hpp"
#include "cli/data.hpp"
#include "nn/data/augment.hpp"
#include "nn/data/png.hpp"

namespace nn::cli {

namespace {

struct AugmentCommand {
  AugmentOptions augment{};
  DataSource source{};
  std::uint64_t seed = 42;
  std::string output = "augmented.png";
};

int run_augment(const AugmentCommand& o) {
  constexpr std::size_t most = 8;  // images, and pictures of each
  check_apart(files_of(o.source), {{"--output", o.output}});
  const Dataset data = load_part(o.source, Part::train);
  const std::size_t rows = data.images.rows, cols = data.images.cols, size = data.image_size();
  const std::size_t images = std::min(most, data.size());
  const Augmenter augmenter(o.augment, rows, cols, o.seed);
  std::vector<std::uint8_t> pictures(images * most * size);  // (images, 8, rows, cols)
  for (std::size_t i = 0; i < images; ++i) {
    std::span<std::uint8_t> row = std::span(pictures).subspan(i * most * size, most * size);
    std::ranges::copy(data.image(i), row.begin());
    for (std::size_t epoch = 0; epoch + 1 < most; ++epoch) {
      augmenter.apply(data.image(i), epoch * data.size() + i, row.subspan((epoch + 1) * size, size));
    }
  }
  write_png(o.output, contact_sheet(pictures, rows, cols, most));
  std::printf("wrote %s: %zu training images, each as it is and augmented %zu times with %s\n",
              o.output.c_str(), images, most - 1, nn::to_text(o.augment).c_str());
  return kDone;
}

}  // namespace

void add_augment_command(Options& app) {
  Options& command = app.command("augment", "draw augmented training images");
  const auto options = std::make_shared<AugmentCommand>();
  add_augment(command, options->augment);
  command.require("--augment");
  add_data_options(command, options->source, {.train = true});
  command.group("Options");
  command.seed(options->seed);
  command.path("--output", options->output,
               "PNG file to write: a row for each of the first 8 training images, as it is, then as training "
               "with this seed sees it in its first 7 epochs");
  command.runs([options] { return run_augment(*options); });
}

}  // namespace nn::cli
