// What a command line names to be read: images, in a folder of IDX files or one SafeTensors file; a model.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/options.hpp"
#include "nn/core/error.hpp"
#include "nn/core/text.hpp"
#include "nn/data/augment.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/named_picture.hpp"
#include "nn/network.hpp"

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

// What is in the folder beside the images: how they were prepared, nothing if it does not say it, and the
// file of the classes' names, "" for none. Throws Error if it is anything else.
struct BesideImages {
  std::optional<Preparation> preparation{};
  std::string class_names{};
};
BesideImages beside_images(const DataSource& source);

// How many training images the folder has, without reading them.
std::size_t count_training_images(const DataSource& source);

// A model, or several that take the same images and have the same classes: an ensemble.
struct TrainedModel {
  std::vector<std::string> paths;
  std::vector<Network> networks;
  std::vector<std::string> class_names;  // the first one's
  bool transpose;  // it was trained with --transpose, and so sees images with rows and columns swapped
  Preparation preparation{};

  std::size_t classes() const { return networks.front().classes(); }
  bool takes(std::size_t rows, std::size_t cols) const;
  std::string pixels_text() const;  // of images that all of them take
  // How pictures are prepared for all of them; nothing if they are not: of digits only 28x28 are.
  std::optional<ImageForm> form() const;
  // Why a picture that does not show one of its classes is rejected.
  RejectReason not_one() const;
  std::string name() const { return join(paths, ","); }
};

// As load_model(); if there is no file, the Error says how `program` makes it. The classes are called as its
// file says, else "0", "1", ...; the file `class_names` (may be "") has other names, except for a class of
// outliers. Throws Error, too, if either is not a name for each class, or if models differ in their images,
// the preparation of these, or classes.
TrainedModel load_trained_model(const std::vector<std::string>& paths, const std::string& program,
                                const std::string& class_names);

// Of a model with finite weights that are yet too large.
Error not_finite(const std::string& path);

}  // namespace nn::cli
