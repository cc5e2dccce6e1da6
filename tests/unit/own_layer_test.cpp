// A layer that is not one of ours: written, put into the list of layers, and used as ours are, from the text
// of
// --layers to a file that is read again.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "catch.hpp"
#include "gradient_check.hpp"
#include "nn/data/batches.hpp"
#include "nn/data/dataset.hpp"
#include "nn/data/split.hpp"
#include "nn/files/model_files.hpp"
#include "nn/layers/all_layers.hpp"
#include "nn/training/checkpoint.hpp"
#include "nn/training/train.hpp"
#include "temporary_folder.hpp"

using namespace nn;

namespace {

// scale: y = gain x, a number for each channel, which starts with the field `start`.
class Scale : public Layer {
 public:
  const char* name() const override { return "scale"; }
  std::vector<Field> fields() override { return {{"start", Field::number, &start, 1, 9}}; }
  void prepare(const Shape& in) override { gain = declared("gain", {in.channels()}); }
  void draw(Init, SimpleRng&) override { gain.value.assign(gain.value.size(), static_cast<float>(start)); }
  std::vector<Tensor*> tensors() override { return {&gain}; }

  void forward(ConstMatrix x, Matrix y, const Pass&) override {
    const std::size_t C = gain.elements();
    for (std::size_t i = 0; i < x.rows * x.cols; ++i) y.data[i] = gain.value[i % C] * x.data[i];
  }
  void backward(ConstMatrix x, ConstMatrix, ConstMatrix dy, Matrix dx, const Pass&) override {
    const std::size_t C = gain.elements();
    gain.grad.assign(C, 0.0f);
    for (std::size_t i = 0; i < x.rows * x.cols; ++i) gain.grad[i % C] += x.data[i] * dy.data[i];
    for (std::size_t i = 0; dx.data && i < x.rows * x.cols; ++i) dx.data[i] = gain.value[i % C] * dy.data[i];
  }

  std::size_t start = 1;
  Tensor gain;  // (C)
};

// In the list as long as it lives.
struct WithScale {
  WithScale() { layer_kinds().push_back(layer_kind<Scale>()); }
  ~WithScale() { layer_kinds().pop_back(); }
};

constexpr const char* kLayers = "conv 4 3x3, scale 2, relu, max-pool 2, dense 10, scale 1";

}  // namespace

TEST_CASE("a layer of one's own is gradient-checked as ours are") {
  const WithScale with_scale;
  SimpleRng rng(1);
  Network network = parse_network("scale 2, dense 5, scale 3", {4, 3, 1}, "--layers").build(rng);
  const test::RandomBatch images(5, 12, 5, rng);
  Floats dlogits(5 * 5);
  for (float& d : dlogits) d = rng.range(-1.0f, 1.0f);
  ThreadTeam team(1);
  network.forward(images.batch(), {team});
  network.backward(images.batch(), dlogits, {team});
  for (Tensor* t : network.tensors()) {
    INFO(t->name);
    REQUIRE(test::max_grad_error(t->value, t->grad, 1e-2, [&] {
              return test::weighted_sum(network.forward(images.batch(), {team}), dlogits);
            }) < 1e-3);
  }
}

TEST_CASE("a layer of one's own is trained, saved, resumed and evaluated as ours are") {
  const WithScale with_scale;
  const test::TemporaryFolder folder;
  const Dataset data = load_idx_dataset(NN_SOURCE_DIR "/data", "t10k", {.test_limit = 3500});
  const Split split = stratified_split(data, 500, 1);
  const TrainingOptions options{
      .epochs = 2, .batch_size = 32, .learning_rate = 0.02, .optimizer = {.kind = OptimizerKind::momentum}};
  ThreadTeam team(2);

  SimpleRng rng(42);
  Network network = parse_network(kLayers, {28, 28, 1}, "--layers").build(rng);
  CHECK(network.tensors()[2]->name == "scale1.gain");
  TrainingState state(rng, split.training, options.optimizer);
  TrainingObserver observer;
  observer.wants_to_stop = [&] { return state.epoch == 1 && state.batch == 5; };
  REQUIRE(train(network, {data, split.validation}, options, state, team, observer) == Outcome::interrupted);
  save_checkpoint(folder / "checkpoint.safetensors", network, state, {});
  REQUIRE(train(network, {data, split.validation}, options, state, team) == Outcome::finished);
  const Evaluation whole = evaluate(network, data, split.validation, team);
  CHECK(whole.accuracy() > 0.85);
  save_model(network, folder / "model.safetensors");
  Network read = load_model(folder / "model.safetensors");
  CHECK(read.text() == kLayers);
  CHECK(evaluate(read, data, split.validation, team).loss == whole.loss);

  SimpleRng again(42);
  Network resumed = parse_network(kLayers, {28, 28, 1}, "--layers").build(again);
  TrainingState later(again, split.training, options.optimizer);
  load_checkpoint(Safetensors(folder / "checkpoint.safetensors"), resumed, later, options);
  REQUIRE(train(resumed, {data, split.validation}, options, later, team) == Outcome::finished);
  CHECK(evaluate(resumed, data, split.validation, team).loss == whole.loss);
}

TEST_CASE("without it, its file names the layer that is missing") {
  const test::TemporaryFolder folder;
  {
    const WithScale with_scale;
    save_model(parse_network("dense 3, scale 1", {9}, "test").build(), folder / "model.safetensors");
  }
  CHECK_THAT(test::error_of([&] { load_model(folder / "model.safetensors"); }),
             test::contains("\"layer\": \"scale\""));
}
