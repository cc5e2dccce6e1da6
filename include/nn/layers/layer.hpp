// Layer: what all layers have in common. One file of this folder is all there is to know of one of them.
//
// B samples of a batch; x (B, in) -> y (B, out), a row a sample. To write a layer, derive from Layer, say its
// name and fields, forward and backward, and put it into the list of all_layers.hpp, or, in a program of
// one's own, into layer_kinds(). tests/unit/layers_test.cpp then checks its gradients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/core/matmul.hpp"
#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/core/shape.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/batch.hpp"
#include "nn/layers/init.hpp"
#include "nn/layers/whole_batch.hpp"
#include "nn/limits.hpp"

namespace nn {

// How a network is run.
struct Pass {
  ThreadTeam& team;
  bool training = false;            // dropout drops, batch norm uses the batch's own statistics
  std::uint64_t step = 0;           // in training the step's number, from 1: dropout draws its masks from it
  std::uint64_t seed = 0;           // of these masks; the network's own
  const Batch* images = nullptr;    // what the first layer's x is made of: for fusions that work on bytes
  std::optional<float> sgd_rate{};  // backward is followed by w -= rate dw, which a fusion may do itself
  std::size_t first_sample = 0;     // of the batch, where this is a shard of it
  WholeBatch* whole = nullptr;      // the shards of the batch, if there are any
};

// A field of a layer, said once: text, JSON, limits and messages come from it.
struct Field {
  enum Style {
    number,   // conv 16         its value
    square,   // conv 16 3x3     its value by itself
    keyword,  // stride 2        its name and value; left out where it is `standard`
    flag,     // valid           its name, if it is true
    word      // sinusoidal      one of `words`
  };
  const char* name;
  Style style;
  std::variant<std::size_t*, double*, bool*> value;  // in the layer; a word is its index in `words`
  double least = 1, most = kMaxLayerSize;            // of a double: below `most`
  std::size_t standard = 1;                          // of a keyword
  std::vector<const char*> words{};
};

class Layer {
 public:
  virtual ~Layer() = default;

  // As in texts and files: "max-pool".
  virtual const char* name() const = 0;
  virtual std::vector<Field> fields() { return {}; }

  // The layers inside of it, if it is made of others; they come in parentheses.
  virtual std::vector<std::unique_ptr<Layer>>* inner() { return nullptr; }

  // What it makes of what it is given. Throws misfit(found, expected) if it cannot take that.
  virtual Shape output(const Shape& in) { return in; }

  // Notes the shape and declares its tensors, without memory for their values. Called before what
  // follows, perhaps more than once, with the same shape.
  virtual void prepare(const Shape& in) { (void)in; }

  // Gives the tensors their first values, where these are not 0.
  virtual void draw(Init init, SimpleRng& rng) { (void)init, (void)rng; }

  // Trained parameters, and what is saved with them but not trained (running statistics). A tensor's name is
  // "weight": the network puts "conv1." in front.
  virtual std::vector<Tensor*> tensors() { return {}; }
  virtual std::vector<Tensor*> buffers() { return {}; }

  // Multiplications and additions of a forward pass of one sample.
  virtual double flop() const { return 0; }

  // Whether y may take x's place in memory, and dx that of dy: then neither needs x to be as it was.
  virtual bool in_place() const { return false; }
  // Whether backward reads y: the next layer may then not take its place.
  virtual bool reads_output() const { return false; }

  // Called before batches of up to this size.
  virtual void reserve(std::size_t batch) { (void)batch; }

  // forward: x (B, in) -> y (B, out), overwritten
  virtual void forward(ConstMatrix x, Matrix y, const Pass& pass) = 0;

  // backward: dy (B, out) -> dx (B, in), overwritten, and the `grad` of its tensors, overwritten. x and y are
  // forward's. Nobody asks for dx where its data is null: the first layer's.
  virtual void backward(ConstMatrix x, ConstMatrix y, ConstMatrix dy, Matrix dx, const Pass& pass) = 0;

 protected:
  Error misfit(const std::string& found, const std::string& expected) const {
    return Error(name(), "found " + found + ", expected " + expected);
  }
};

// How layers are made from their names.
struct LayerKind {
  std::string name;
  std::function<std::unique_ptr<Layer>()> make;  // with fields as they are by default
};
template <class L>
LayerKind layer_kind() {
  return {L().name(), [] { return std::make_unique<L>(); }};
}

// All that texts and files may name. A program adds its own: layer_kinds().push_back(layer_kind<MyLayer>()).
std::vector<LayerKind>& layer_kinds();

}  // namespace nn
