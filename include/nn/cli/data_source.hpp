// Where images come from: a folder with IDX files or one SafeTensors file, and what is made of them.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "nn/cli/options.hpp"
#include "nn/cli/run_files.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/safetensors_dataset.hpp"

namespace nn::cli {

enum class Part { train, test };  // of a data set

// What a command does with a data set, and so which options it has besides those of where it is.
struct DataUse {
  bool class_names = false, classes = false;  // calls the classes by names, has to know their number
  bool train = false, test = false;           // uses these images
};

class DataSource {
 public:
  void add_options(CLI::App& app, const DataUse& use) {
    begin_group(app, "Data");
    CLI::Option* folder =
        add_text(app, "--data-dir", folder_,
                 "folder with the IDX files, plain or .gz [data, here or beside the build]");
    add_text(app, "--data", file_,
             "SafeTensors file with train_images, train_labels, test_images and test_labels, in place of a "
             "folder")
        ->excludes(folder);
    if (use.class_names)
      add_text(app, "--class-names", class_names_, "text file, the name of a class a line [numbers]");
    if (use.classes)
      add_number<std::size_t>(app, "--classes", options_.classes,
                              "number of classes, 0 to count the names or the labels", 0, 256);
    app.add_flag("--transpose", options_.transpose, "swap rows and columns of the images (EMNIST)");
    if (use.train)
      add_number<std::size_t>(app, "--train-limit", options_.train_limit, "training images to use, 0 for all",
                              0, 1'000'000'000);
    if (use.test)
      add_number<std::size_t>(app, "--test-limit", options_.test_limit, "test images to use, 0 for all", 0,
                              1'000'000'000);
  }

  // Training and test images. `executable`: argv[0]. `named`: how many classes have a name, 0 for none.
  // Throws Error if they are not there or not whole.
  std::pair<Dataset, Dataset> load(const std::string& executable, std::size_t named) const {
    DataOptions options = options_;
    options.named = named;
    if (!file_.empty()) return load_safetensors_datasets(file_, options);
    return load_train_and_test(folder(executable), options);
  }

  // One of the two, with any labels: which of them are classes, the caller knows. `transpose`: as with
  // --transpose, even without it.
  Dataset load(const std::string& executable, Part part, bool transpose = false) const {
    DataOptions options = options_;
    options.classes = 256;
    options.transpose |= transpose;
    if (!file_.empty()) {
      return load_safetensors_dataset(file_, part == Part::train ? "train" : "test", options);
    }
    return load_idx_dataset(folder(executable), part == Part::train ? "train" : "t10k", options);
  }

  // The file or the folder.
  std::string place(const std::string& executable) const {
    return file_.empty() ? folder(executable) : file_;
  }

  // All files that it may read.
  std::vector<RunFile> files(const std::string& executable) const {
    std::vector<RunFile> all{{"--class-names", class_names_}, {"--data", file_}};
    if (!file_.empty()) return all;
    for (const std::string& path : idx_dataset_files(folder(executable))) all.push_back({"--data-dir", path});
    return all;
  }

  // The file with the names of the classes; "" for their numbers.
  const std::string& class_names_file() const { return class_names_; }

 private:
  // "data" here, else "../data" beside the program: build/mnist_mlp finds it from anywhere.
  std::string folder(const std::string& executable) const {
    if (!folder_.empty()) return folder_;
    std::error_code unknown;  // is no folder
    if (std::filesystem::is_directory("data", unknown)) return "data";
    const std::filesystem::path beside = std::filesystem::path(executable).parent_path() / ".." / "data";
    return std::filesystem::is_directory(beside, unknown) ? beside.lexically_normal().string() : "data";
  }

  DataOptions options_;
  std::string folder_, file_, class_names_;
};

}  // namespace nn::cli
