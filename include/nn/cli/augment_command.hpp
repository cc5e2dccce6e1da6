// PROGRAM augment --augment LIST: a picture of what augmentation does to training images.
#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "nn/cli/data_source.hpp"
#include "nn/cli/options.hpp"
#include "nn/cli/run.hpp"
#include "nn/cli/run_files.hpp"
#include "nn/cli/training_options.hpp"
#include "nn/data/augment.hpp"
#include "nn/data/png.hpp"

namespace nn::cli {

class AugmentCommand {
 public:
  // Adds the subcommand to `app`.
  explicit AugmentCommand(CLI::App& app)
      : command_(*app.add_subcommand("augment", "draw augmented training images")) {
    add_augment(command_, augment_);
    command_.get_option("--augment")->required();
    data_source_.add_options(command_, {.train = true});
    begin_group(command_, "Options");
    add_seed(command_, seed_);
    add_text(command_, "--output", output_,
             "PNG file to write: a row for each of the first 8 training images, as it is, then as training "
             "with this seed sees it in its first 7 epochs");
  }

  const CLI::App& app() const { return command_; }

  int run(const std::string& executable) {
    constexpr std::size_t most = 8;  // images, and pictures of each
    check_apart(data_source_.files(executable), {{"--output", output_}});
    const Dataset data = data_source_.load(executable, Part::train);
    const std::size_t rows = data.images.rows, cols = data.images.cols, size = data.image_size();
    const std::size_t images = std::min(most, data.size());
    const Augmenter augmenter(augment_, rows, cols, seed_);
    std::vector<std::uint8_t> pictures(images * most * size);  // (images, 8, rows, cols)
    for (std::size_t i = 0; i < images; ++i) {
      std::span<std::uint8_t> row = std::span(pictures).subspan(i * most * size, most * size);
      std::ranges::copy(data.image(i), row.begin());
      for (std::size_t epoch = 0; epoch + 1 < most; ++epoch) {
        augmenter.apply(data.image(i), epoch * data.size() + i, row.subspan((epoch + 1) * size, size));
      }
    }
    write_png(output_, contact_sheet(pictures, rows, cols, most));
    std::printf("wrote %s: %zu training images, each as it is and augmented %zu times with %s\n",
                output_.c_str(), images, most - 1, to_text(augment_).c_str());
    return kDone;
  }

 private:
  CLI::App& command_;
  AugmentOptions augment_;
  DataSource data_source_;
  std::uint64_t seed_ = 42;
  std::string output_ = "augmented.png";
};

}  // namespace nn::cli
