// A batch in shards: the gradient of the whole batch, and the same bits for any number of threads.
#include "nn/training/shards.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mnist.hpp"
#include "nn/core/rng.hpp"
#include "nn/data/batches.hpp"
#include "nn/network.hpp"
#include "nn/training/train.hpp"

using namespace nn;

namespace {

const std::vector<std::string> kShardedNetworks{
    "dense 64, relu, dropout 0.3, dense 10",
    "conv 8 3x3, relu, max-pool 2, dense 10",
    "conv 8 3x3, max-pool 2, batch-norm, relu, residual(conv 8 3x3, batch-norm, relu), batch-norm, dense 10",
    "patches 4 16, position sinusoidal, attention 2, layer-norm, mean, dense 10",
};

// The network after two epochs of 200 images in batches of 30, the last of which has 20.
struct ShardedRun {
  Network network;
  std::vector<double> losses{};
};
ShardedRun trained(const std::string& layers, std::size_t shards, std::size_t threads, bool fusions = true) {
  SimpleRng rng(42);
  ShardedRun run{parse_network(layers, {28, 28, 1}, "test").build(rng)};
  run.network.use_fusions(fusions);
  ThreadTeam team(threads);
  const TrainingOptions options{.epochs = 2, .batch_size = 30, .shards = shards};
  std::vector<std::uint32_t> order = all_images(test::mnist_images());
  order.resize(200);
  TrainingState state(rng, order, options.optimizer);
  train(run.network, {test::mnist_images()}, options, state, team);
  for (const EpochReport& report : state.log) run.losses.push_back(report.loss);
  return run;
}

bool same_bits(const Network& a, const Network& b) {
  const std::vector<Tensor*> x = a.state(), y = b.state();
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i]->value != y[i]->value) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("shards have the losses of a whole batch") {
  for (const std::string& layers : kShardedNetworks) {
    for (const bool fusions : {true, false}) {
      INFO(layers << (fusions ? ", fused" : ", layer by layer"));
      const std::vector<double> whole = trained(layers, 0, 2, fusions).losses;
      for (const std::size_t shards : {1u, 3u, 8u, 25u}) {  // 25: more than the last batch has
        const std::vector<double> sum = trained(layers, shards, 2, fusions).losses;
        CHECK(sum[0] == Approx(whole[0]).margin(1e-5));
        CHECK(sum[1] == Approx(whole[1]).margin(1e-4));
      }
    }
  }
}

TEST_CASE("the number of threads does not change a bit of a network trained in shards") {
  for (const std::string& layers : kShardedNetworks) {
    INFO(layers);
    const ShardedRun one = trained(layers, 8, 1);
    for (const std::size_t threads : {2u, 3u, 16u}) {
      const ShardedRun more = trained(layers, 8, threads);
      CHECK(more.losses == one.losses);
      CHECK(same_bits(more.network, one.network));
    }
    CHECK_FALSE(same_bits(trained(layers, 3, 1).network, one.network));  // these sums are other ones
  }
}
