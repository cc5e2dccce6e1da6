// Times of the kernels and of whole training steps on real MNIST batches (Google Benchmark).
//
// Run:  build/tests/kernels --benchmark_filter=Step      One thread, so that kernels can be compared.
#include <benchmark/benchmark.h>

#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/augment.hpp"
#include "nn/data/batches.hpp"
#include "nn/data/intensity.hpp"
#include "nn/fusions/sparse_dense.hpp"
#include "nn/fusions/xor_sgd.hpp"
#include "nn/layers/softmax_cross_entropy.hpp"
#include "nn/network.hpp"

using namespace nn;

namespace {

// The first images of MNIST's test set as one batch.
struct Fixture {
  explicit Fixture(std::size_t size) : batches(data(), order, size), batch(batches.batch(0, team)) {}

  static const Dataset& data() {
    static const Dataset set = load_idx_dataset(NN_SOURCE_DIR "/data", "t10k");
    return set;
  }
  std::vector<std::uint32_t> order = all_images(data());
  ThreadTeam team{1};
  Batches batches;
  Batch batch;
};

void count_images(benchmark::State& state, std::size_t batch) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch));
}

// A step of SGD of the network that a text names.
void step(benchmark::State& state, const char* text, std::size_t batch_size) {
  Fixture f(batch_size);
  SimpleRng rng(42);
  Network network = parse_network(text, {28, 28, 1}, "kernels").build(rng);
  Floats dlogits(batch_size * network.classes());
  const Pass pass{.team = f.team, .training = true, .step = 1};
  for (auto _ : state) {
    softmax_cross_entropy(network.forward(f.batch, pass), f.batch.labels, dlogits);
    network.backward_and_step(f.batch, dlogits, 1e-6f, pass);
  }
  count_images(state, batch_size);
}

// The first dense layer of the MLP, against the same product by BLAS over all pixels.
struct FirstLayer : Fixture {
  FirstLayer() : Fixture(64), w(784 * 512), y(64 * 512), b(512), x(64 * 784) {
    SimpleRng rng(42);
    for (float& v : w) v = rng.range(-0.1f, 0.1f);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = kIntensity[batch.pixels[i]];
    pixels.reserve(64, 784);
    list();
  }
  void list() {
    for (std::size_t chunk = 0; chunk < NonzeroPixels::kChunks; ++chunk) pixels.list(batch, chunk);
  }
  Floats w, y, b, x;
  NonzeroPixels pixels;
};

void SparseList(benchmark::State& state) {
  FirstLayer f;
  for (auto _ : state) f.list();
  count_images(state, 64);
}
void SparseForward(benchmark::State& state) {
  FirstLayer f;
  for (auto _ : state) {
    for (std::size_t block = 0; block < column_blocks(512); ++block) {
      sparse_dense_forward(f.pixels, mat(f.w, 784, 512), f.b, mat(f.y, 64, 512), block);
    }
  }
  count_images(state, 64);
}
void SparseStep(benchmark::State& state) {
  FirstLayer f;
  for (auto _ : state) {
    for (std::size_t block = 0; block < column_blocks(512); ++block) {
      sparse_dense_step(f.pixels, mat(f.y, 64, 512), 1e-6f, mat(f.w, 784, 512), block);
    }
  }
  count_images(state, 64);
}
void BlasForward(benchmark::State& state) {
  FirstLayer f;
  for (auto _ : state) matmul(mat(f.x, 64, 784), mat(f.w, 784, 512), mat(f.y, 64, 512));
  count_images(state, 64);
}

void Augment(benchmark::State& state) {
  const Fixture f(1);
  const Augmenter augmenter(parse_augment("shift=2,rotate=12,scale=0.12,shear=0.1,elastic=5:30"), 28, 28, 42);
  std::vector<std::uint8_t> out(784);
  std::uint64_t key = 0;
  for (auto _ : state) augmenter.apply(f.batch.image(0), key++, out);
  count_images(state, 1);
}

void Xor1000Epochs(benchmark::State& state) {
  SimpleRng rng(42);
  XorNet net(4, rng);
  for (auto _ : state) benchmark::DoNotOptimize(train(net, truth_table({0, 1, 1, 0}), 1000, 0.01));
}

BENCHMARK_CAPTURE(step, mnist_mlp, "dense 512, relu, dense 10", 64)->Name("Step/mnist_mlp");
BENCHMARK_CAPTURE(step, mnist_cnn, "conv 8 3x3, relu, max-pool 2, dense 10", 32)->Name("Step/mnist_cnn");
BENCHMARK_CAPTURE(
    step, mnist_attention_pool,
    "patches 4 64, position sinusoidal, relu, attention 1, dense 128, relu, dense 64, mean, dense 10", 32)
    ->Name("Step/mnist_attention_pool");
BENCHMARK(SparseList);
BENCHMARK(SparseForward);
BENCHMARK(SparseStep);
BENCHMARK(BlasForward);
BENCHMARK(Augment);
BENCHMARK(Xor1000Epochs);

}  // namespace

BENCHMARK_MAIN();
