#include "cli/data.hpp"

#include <algorithm>
#include <filesystem>
#include <span>
#include <system_error>

#include "cli/lost_file.hpp"
#include "nn/data/class_names.hpp"
#include "nn/data/safetensors_dataset.hpp"
#include "nn/files/model_files.hpp"

namespace nn::cli {

namespace {

// Bytes of a plain IDX file from which on it is mapped: MNIST's, smaller, are faster in huge pages.
constexpr std::size_t kMapFrom = std::size_t{64} << 20;

// "data" here, else "../data" beside the program: build/mnist_mlp finds it from anywhere.
std::string folder_of(const DataSource& source) {
  if (!source.folder.empty()) return source.folder;
  std::error_code unknown;  // is no folder
  if (std::filesystem::is_directory("data", unknown)) return "data";
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", unknown);
  const std::filesystem::path beside = program.parent_path() / ".." / "data";
  return std::filesystem::is_directory(beside, unknown) ? beside.lexically_normal().string() : "data";
}

std::string file_in_folder(const DataSource& source, const char* name) {
  return (std::filesystem::path(folder_of(source)) / name).string();
}

}  // namespace

void add_data_options(Options& app, DataSource& source, const DataUse& use) {
  app.group("Data");
  app.path("--data-dir", source.folder,
           "folder with the IDX files, plain or .gz [data, here or beside the build]");
  app.path(
      "--data", source.file,
      "SafeTensors file with train_images, train_labels, test_images and test_labels, in place of a folder");
  app.exclude("--data", "--data-dir");
  if (use.class_names)
    app.path("--class-names", source.class_names,
             std::string("text file, the name of a class a line [") +
                 (use.classes ? "class-names.txt in the folder, or numbers]" : "as the model says]"));
  if (use.classes)
    app.number("--classes", source.options.classes, "number of classes, 0 to count the names or the labels",
               0, 256);
  app.flag("--transpose", source.options.transpose, "swap rows and columns of the images (EMNIST)");
  if (use.train)
    app.number("--train-limit", source.options.train_limit, "training images to use, 0 for all", 0,
               1'000'000'000);
  if (use.test)
    app.number("--test-limit", source.options.test_limit, "test images to use, 0 for all", 0, 1'000'000'000);
}

void add_augment(Options& app, AugmentOptions& augment) {
  app.group("Data");
  app.add("--augment", "LIST", "none",
          "random changes of every training image: shift=PIXELS,rotate=DEGREES,scale=S,shear=S,"
          "elastic=SIGMA:ALPHA, each optional; for drawn digits "
          "shift=2,rotate=12,scale=0.12,shear=0.1,elastic=5:30",
          [&augment](const std::string& text) {
            try {
              augment = parse_augment(text);
              return std::string();
            } catch (const Error& error) {  // "--augment: ...": the name comes in front again
              return std::string(error.what()).substr(std::string("--augment: ").size());
            }
          });
}

std::pair<Dataset, Dataset> load_both(const DataSource& source, std::size_t named) {
  DataOptions options = source.options;
  options.named = named;
  if (!source.file.empty()) return load_safetensors_datasets(source.file, options);
  options.map_from = kMapFrom;
  std::pair<Dataset, Dataset> both = load_train_and_test(folder_of(source), options);
  end_if_lost(both.first.images);
  end_if_lost(both.second.images);
  return both;
}

Dataset load_part(const DataSource& source, Part part, bool transpose) {
  DataOptions options = source.options;
  options.classes = 256;
  options.transpose |= transpose;
  const bool train = part == Part::train;
  if (!source.file.empty()) return load_safetensors_dataset(source.file, train ? "train" : "test", options);
  options.map_from = kMapFrom;
  Dataset data = load_idx_dataset(folder_of(source), train ? "train" : "t10k", options);
  end_if_lost(data.images);
  return data;
}

std::string place_of(const DataSource& source) {
  return source.file.empty() ? folder_of(source) : source.file;
}

std::vector<NamedFile> files_of(const DataSource& source) {
  std::vector<NamedFile> all{{"--class-names", source.class_names}, {"--data", source.file}};
  if (!source.file.empty()) return all;
  std::vector<std::string> paths = idx_dataset_files(folder_of(source));
  for (const char* name : {kPreparationFile, kClassNamesFile}) paths.push_back(file_in_folder(source, name));
  for (const std::string& path : paths) all.push_back({"--data-dir", path});
  return all;
}

BesideImages beside_images(const DataSource& source) {
  BesideImages beside;
  std::error_code reason;  // if one is there and cannot be read, its reader says why
  const auto is_there = [&](const std::string& path) {
    return std::filesystem::status(path, reason).type() != std::filesystem::file_type::not_found;
  };
  if (!source.file.empty()) {
    if (!is_there(source.file)) return {};
    const std::string text = Safetensors(source.file).text("preparation");
    if (!text.empty())
      beside.preparation = parse_preparation(text, source.file + ": its metadata \"preparation\"");
    return beside;
  }
  if (const std::string names = file_in_folder(source, kClassNamesFile); is_there(names)) {
    beside.class_names = names;
  }
  if (const std::string path = file_in_folder(source, kPreparationFile); is_there(path)) {
    const Bytes text = read_file(path, kLargestText);
    beside.preparation = parse_preparation({reinterpret_cast<const char*>(text.data()), text.size()}, path);
  }
  return beside;
}

std::size_t count_training_images(const DataSource& source) {
  if (!source.file.empty()) {
    const Safetensors file(source.file);
    const std::vector<std::size_t>& shape = file.shape("train_images");
    return shape.empty() ? 0 : shape[0];
  }
  const std::string labels = detail::find_idx_file(folder_of(source), "train-labels", '1');
  return detail::IdxFile<1>(labels, 0x00000801, "labels").sizes()[0];
}

namespace {

StoredModel load_one(const std::string& path, const std::string& program, const std::string& class_names) {
  std::error_code reason;  // if it is there and cannot be read, InputFile says why
  if (std::filesystem::status(path, reason).type() == std::filesystem::file_type::not_found) {
    throw Error(path,
                "no such file, expected a trained model; make it with: " + program + " --output " + path);
  }
  StoredModel model = read_stored_model(InputFile(path));
  if (!class_names.empty()) {
    std::vector<std::string>& names = model.class_names;
    std::ranges::move(load_class_names(class_names, names.size() - has_outlier_class(names)), names.begin());
  }
  return model;
}

}  // namespace

Recognizer load_recognizer(const std::vector<std::string>& paths, const std::string& program,
                           const std::string& class_names) {
  Recognizer recognizer(paths.front(), load_one(paths.front(), program, class_names));
  for (const std::string& path : std::span(paths).subspan(1)) {
    recognizer.add(path, load_one(path, program, class_names));
  }
  return recognizer;
}

}  // namespace nn::cli
