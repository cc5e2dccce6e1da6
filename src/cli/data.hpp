// What a command line names to be read: images, in a folder of IDX files or one SafeTensors file; a model.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/options.hpp"
#include "nn/core/text.hpp"
#include "nn/data/augment.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/preparation.hpp"
#include "nn/recognizer/recognizer.hpp"

namespace nn::cli {

enum class Part { train, test };  // of a data set

struct DataSource {
  std::string folder{}, file{}, class_names{};  // --data-dir, --data, --class-names; "" where it is not given
  DataOptions options{};
};

// What a command does with a data set, and so which options it has besides those of where it is.
struct DataUse {
  bool class_names = false, classes = false;  // calls the classes by names, has to know their number
  bool train = false, test = false;           // uses these images
};
void add_data_options(Options& app, DataSource& source, const DataUse& use);

// --augment
void add_augment(Options& app, AugmentOptions& augment);

// Training and test images. `named`: how many classes have a name, 0 for none. Throws Error if they are not
// there or not whole.
std::pair<Dataset, Dataset> load_both(const DataSource& source, std::size_t named);

// One of the two, with any labels: which of them are classes, the caller knows. `transpose`: as with
// --transpose, even without it.
Dataset load_part(const DataSource& source, Part part, bool transpose = false);

// The file or the folder that is read.
std::string place_of(const DataSource& source);

// All files that may be read.
std::vector<NamedFile> files_of(const DataSource& source);

// What is said beside the images: how they were prepared, nothing if that is not said, and the file of the
// classes' names, "" for none. Throws Error if it is anything else.
struct BesideImages {
  std::optional<Preparation> preparation{};
  std::string class_names{};
};
BesideImages beside_images(const DataSource& source);

// How many training images there are, without reading them.
std::size_t count_training_images(const DataSource& source);

// The models of these files: several are an ensemble. If there is no file, the Error says how `program` makes
// it. The file `class_names` (may be "") has other names for the classes, except for a class of outliers.
// Throws Error, too, if it does not have a name for each class, or as Recognizer does.
Recognizer load_recognizer(const std::vector<std::string>& paths, const std::string& program,
                           const std::string& class_names);

}  // namespace nn::cli
