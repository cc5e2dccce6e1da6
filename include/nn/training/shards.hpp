// Shards: a batch in equal parts, each with a copy of the network, whose gradients are summed in a fixed
// order.
//
// A batch of B samples is cut into S shards, and neighbouring shards are given to each process. Sums are
// those of a binary tree, (g0 + g1) + (g2 + g3), so that S decides every bit of the result, and the number of
// processes or threads decides none. A process sums what the tree has below its own shards before anything is
// sent.
//
// A step sends, with P parameters and R processes, (R - 1) / R of P floats twice from each process where R is
// a power of two and divides S: each process sums one part of the parameters for all.
#pragma once

#include <cstddef>
#include <memory>
#include <semaphore>
#include <span>
#include <vector>

#include "nn/core/parallel.hpp"
#include "nn/core/tensor.hpp"
#include "nn/data/batches.hpp"
#include "nn/network.hpp"
#include "nn/training/processes.hpp"

namespace nn {

class Shards {
 public:
  // `network` is what is trained. At least as many shards as processes.
  Shards(Network& network, std::size_t shards, Processes& processes, ThreadTeam& team);
  ~Shards();

  std::size_t count() const { return shards_; }  // S

  struct Result {
    double loss_sum;     // of the whole batch
    bool wants_to_stop;  // whether any process does
  };
  // Forward and backward for batch `b` of an epoch, which has at least count() samples: `grad` of the
  // network's tensors is that of the whole batch, the same in every process, and its buffers (running
  // statistics) move.
  Result backward(Batches& batches, std::size_t b, std::size_t epoch, double label_smoothing,
                  std::size_t step, bool wants_to_stop);

 private:
  class Meeting;
  class Seat;
  struct Node {  // of the tree: the sum of shards first .. last - 1, all of one process
    std::size_t first, last, rank;
  };

  std::size_t rank_of(std::size_t shard) const { return shard * processes_.count() / shards_; }
  std::size_t first_of(std::size_t rank) const;
  void find_nodes(std::size_t first, std::size_t last);
  void copy_state_to_shards();
  void sum_within(const Node& node);
  std::vector<double> sum_between_processes(std::span<const double> said);
  float* sum_of_nodes(std::size_t first, std::size_t last, std::size_t& node, float* parts, std::size_t size);

  Network& network_;
  std::size_t shards_, first_, local_;  // S; those of this process
  Processes& processes_;
  ThreadTeam& team_;
  std::vector<Node> nodes_;  // the largest parts of the tree that one process has, in order
  std::vector<Network> copies_;
  std::vector<std::vector<Tensor*>> tensors_, states_;  // of the copies
  std::unique_ptr<ThreadTeam> runners_;                 // a thread for each shard of this process
  std::vector<std::unique_ptr<ThreadTeam>> teams_;      // each shard's own
  std::counting_semaphore<> permits_;  // of the shards, as many as there are threads run at a time
  std::unique_ptr<Meeting> meeting_;
  std::vector<Floats> dlogits_;
  std::vector<std::size_t> slices_;  // (R + 1): where each process's part of the parameters begins
  Floats to_, from_;
  std::vector<std::byte> gathered_;
};

}  // namespace nn
