// Recognising drawings and pictures, all of it: how they are prepared, what is refused, what the network is
// asked, and when its answer counts.
//
//   Recognizer recognizer("model.bin", read_stored_model(InputFile("model.bin")));
//   const Recognition found = recognizer.recognise(recognizer.prepare(read_picture("7.png")), team);
//   if (found.label) std::puts(recognizer.class_names()[*found.label].c_str());
//
// The programs' predict and evaluate are made of it, and so is nn/recognizer.h, the interface for other
// languages.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/core/parallel.hpp"
#include "nn/data/network_picture.hpp"
#include "nn/files/model_files.hpp"
#include "nn/network.hpp"

namespace nn {

// Below this probability the likeliest class is no answer. Of MNIST's 10,000 test digits so many are below it
// or refused by their look: 1.6 % with mnist_mlp's defaults, 1.3 % with mnist_cnn's, 2.0 % with
// mnist_attention_pool's.
inline constexpr double kMinConfidence = 0.4;

struct Recognition {
  RejectReason reject = RejectReason::none;  // why there is no answer; none if there is one
  const char* status = "";                   // "digit", of other things "recognised", or to_text(reject)
  std::optional<std::size_t> label{};        // the answer
  std::vector<float> probabilities{};        // (known classes); empty if the network was not asked
};

class Recognizer {
 public:
  // `path`: what messages call the model.
  Recognizer(const std::string& path, StoredModel model);
  // Makes it an ensemble: the mean of the networks' probabilities counts. Throws Error if the models differ
  // in their images, the preparation of these, or the number of classes. The classes' names are the first
  // one's.
  void add(const std::string& path, StoredModel model);

  const std::vector<std::string>& paths() const { return paths_; }
  const std::vector<std::string>& signatures() const { return signatures_; }  // as StoredModel's
  std::string name() const;  // the paths, with commas between them
  std::span<Network> networks() { return networks_; }
  std::span<const Network> networks() const { return networks_; }

  // With the last one, of non-digits, if the network has learned it.
  const std::vector<std::string>& class_names() const { return class_names_; }
  std::size_t classes() const { return class_names_.size(); }
  std::size_t known_classes() const;  // without it: those that can be an answer

  const Preparation& preparation() const { return preparation_; }
  bool transpose() const { return transpose_; }  // rows and columns of a data set's images are swapped
  bool takes(std::size_t rows, std::size_t cols) const;  // images of this size
  std::string pixels_text() const;                       // of its images, as Network's
  std::size_t rows() const { return rows_; }             // of what prepare() makes; those of a square if the
  std::size_t cols() const { return cols_; }             // networks do not know it, else 1 and all pixels

  // Throws Error if pictures cannot be prepared for it: of digits only 28x28 are, drawings are square.
  void check_can_prepare() const;
  bool can_prepare() const;
  // What the networks are shown, and why they are not asked, if they are not: as nn::prepare(). From any
  // thread; only if it can.
  NetworkPicture prepare(const GreyPicture& picture) const;
  NetworkPicture prepare(std::span<const Stroke> strokes, double pen, const Canvas& canvas = {}) const;

  // 0 .. 1
  double threshold() const { return threshold_; }
  void set_threshold(double threshold) { threshold_ = threshold; }

  // One of each picture, which are of a size that it takes. The networks are asked about all at once that are
  // not rejected. Throws Error if they are of no use: a probability is NaN.
  std::vector<Recognition> recognise(std::span<const NetworkPicture> pictures, ThreadTeam& team);
  Recognition recognise(const NetworkPicture& picture, ThreadTeam& team);

 private:
  void find_size();
  Recognition recognition_of(std::vector<float> probabilities) const;  // (K)
  bool is_of(Preparation::Kind kind) const { return preparation_.kind == kind; }

  std::vector<std::string> paths_, signatures_;
  std::vector<Network> networks_;
  std::vector<std::string> class_names_;
  Preparation preparation_;
  bool transpose_;
  std::size_t rows_ = 0, cols_ = 0;
  bool has_rows_ = false;  // rows_ and cols_ are those of an image or of a square
  double threshold_ = kMinConfidence;
};

// Of models whose weights are finite, and yet too large.
Error not_finite(const std::string& path);

}  // namespace nn
