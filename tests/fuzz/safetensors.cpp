// .safetensors as the programs read them: as tensors, as a model, as a checkpoint, as a data set.
#include "nn/files/safetensors.hpp"

#include <numeric>
#include <vector>

#include "fuzz.hpp"
#include "nn/data/safetensors_dataset.hpp"
#include "nn/files/model_files.hpp"
#include "nn/training/checkpoint.hpp"

using namespace nn;

namespace {

// Brings a run of the file's own network, on as many images as its order has, to where the file says.
void resume(const Safetensors& file) {
  const TrainingOptions options{.batch_size = 2, .optimizer = {.kind = OptimizerKind::adam}};
  Network network = read_network(file);
  std::vector<std::uint32_t> order(file.values<std::uint32_t>("order").size());
  std::iota(order.begin(), order.end(), 0u);
  TrainingState state(SimpleRng(1), order, options.optimizer);
  load_checkpoint(file, network, state, options);
  REQUIRE_THAT(state.log.size() == state.epoch);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  fuzz::succeeds([&] {
    const Safetensors file(InputFile("file.safetensors", bytes));
    for (const auto& tensor : file.tensors()) {
      fuzz::succeeds([&] { file.values<float>(tensor.first); });
      fuzz::succeeds([&] { file.values<std::uint8_t>(tensor.first); });
    }
    fuzz::succeeds([&] { resume(file); });
  });
  fuzz::succeeds([&] {
    const StoredModel model = read_stored_model(InputFile("file.safetensors", bytes));
    REQUIRE_THAT(model.class_names.size() == model.network.classes());
  });
  const fuzz::MemoryFile file(bytes);
  for (const char* split : {"train", "test"}) {
    fuzz::succeeds([&] {
      const Dataset set = load_safetensors_dataset(file.path(), split);
      REQUIRE_THAT(set.images.pixels().size() == set.size() * set.images.image_size());
    });
  }
  return 0;
}
