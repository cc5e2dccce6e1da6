// The images of a run: where they come from, what their classes are called, and what is made of them.
#pragma once

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nn/cli/data_source.hpp"
#include "nn/cli/options.hpp"
#include "nn/cli/run_files.hpp"
#include "nn/cli/say.hpp"
#include "nn/cli/training_options.hpp"
#include "nn/core/parallel.hpp"
#include "nn/data/augment.hpp"
#include "nn/data/class_names.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/outliers.hpp"

namespace nn::cli {

class RunImages {
 public:
  RunImages() = default;
  RunImages(const RunImages&) = delete;  // options refer to members
  RunImages& operator=(const RunImages&) = delete;

  void add_options(CLI::App& app) {
    add_augment(app, augment_);
    add_number<double>(app, "--outliers", outliers_,
                       "drawings that are no digit, made of the training images, which the network learns to "
                       "know as a class of their own; as a share of the images",
                       0, 1);
    source_.add_options(app, {.class_names = true, .classes = true, .train = true, .test = true});
  }

  // Training and test images, outliers among the former if they are asked for, drawn with `seed`.
  // `executable`: argv[0]. Throws Error if they are not there or not whole.
  std::pair<Dataset, Dataset> load(const std::string& executable, std::uint64_t seed, std::size_t threads,
                                   const Say& say) {
    const std::string& names_file = source_.class_names_file();
    const std::size_t named = names_file.empty() ? 0 : load_class_names(names_file, 0).size();
    std::pair<Dataset, Dataset> data = source_.load(executable, named);
    auto& [train_set, test_set] = data;
    if (!names_file.empty()) class_names_ = load_class_names(names_file, train_set.classes);
    say("data: %zu training and %zu test images of %zu x %zu pixels, %zu classes, from %s\n",
        train_set.size(), test_set.size(), train_set.images.rows, train_set.images.cols, train_set.classes,
        source_.place(executable).c_str());
    if (!has_outliers()) return data;

    if (class_names_.empty()) class_names_ = numbers_as_names(train_set.classes);
    class_names_.push_back(kOutlierName);
    const double count = std::ceil(outliers_ * static_cast<double>(train_set.size()));
    ThreadTeam team(threads);
    add_outliers(train_set, static_cast<std::size_t>(count), seed, team);
    test_set.classes = train_set.classes;  // though there are none among the test images
    say("outliers: %.0f drawings that are no digit, class %zu\n", count, train_set.classes - 1);
    return data;
  }

  // All files that load() may read.
  std::vector<RunFile> files(const std::string& executable) const { return source_.files(executable); }

  // As load() found them; none: the classes are called by their numbers.
  const std::vector<std::string>& class_names() const { return class_names_; }

  bool has_outliers() const { return outliers_ > 0; }

  // What changes the training images at random, if anything does.
  std::optional<Augmenter> augmenter(const Dataset& train_set, std::uint64_t seed) const {
    if (!augment_.any()) return std::nullopt;
    return std::optional<Augmenter>(std::in_place, augment_, train_set.images.rows, train_set.images.cols,
                                    seed);
  }

 private:
  AugmentOptions augment_;
  double outliers_ = 0;
  DataSource source_;
  std::vector<std::string> class_names_;
};

}  // namespace nn::cli
