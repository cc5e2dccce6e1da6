#include "nn/training/shards.hpp"

#include <algorithm>
#include <barrier>
#include <cassert>
#include <cstring>
#include <span>
#include <utility>

#include "nn/layers/softmax_cross_entropy.hpp"

namespace nn {

// Where the shards of a step meet: all of this process, and through its last one those of the others.
class Shards::Meeting {
 public:
  explicit Meeting(Shards& shards)
      : shards_(shards),
        given_(shards.local_),
        barrier_(static_cast<std::ptrdiff_t>(shards.local_), Last{this}) {}

  std::span<const float> gather(std::size_t local, std::span<const float> mine) {
    given_[local].assign(mine.begin(), mine.end());
    shards_.permits_.release();
    barrier_.arrive_and_wait();
    shards_.permits_.acquire();
    return all_;
  }

 private:
  struct Last {
    Meeting* meeting;
    void operator()() noexcept { meeting->put_together(); }
  };

  // Nobody reads all_ any more: who has arrived has done with it.
  void put_together() {
    const std::size_t size = given_.front().size(), R = shards_.processes_.count();
    Floats mine;
    for (const Floats& each : given_) mine.insert(mine.end(), each.begin(), each.end());
    std::vector<std::size_t> sizes;
    for (std::size_t rank = 0; rank < R; ++rank) {
      sizes.push_back((shards_.first_of(rank + 1) - shards_.first_of(rank)) * size * sizeof(float));
    }
    all_.resize(shards_.shards_ * size);
    shards_.processes_.gather(std::as_bytes(std::span<const float>(mine)), sizes,
                              std::as_writable_bytes(std::span<float>(all_)));
  }

  Shards& shards_;
  std::vector<Floats> given_;
  Floats all_;
  std::barrier<Last> barrier_;
};

// The place of one shard there.
class Shards::Seat : public WholeBatch {
 public:
  Seat(Meeting& meeting, std::size_t local) : meeting_(meeting), local_(local) {}
  std::span<const float> gather(std::span<const float> mine) override {
    return meeting_.gather(local_, mine);
  }

 private:
  Meeting& meeting_;
  std::size_t local_;
};

namespace {

constexpr std::size_t kChunk = 1 << 14;  // floats that a thread adds at a time

std::size_t chunks(std::size_t size) {
  return (size + kChunk - 1) / kChunk;
}

// Calls f(tensor, first, count, at) for the pieces of tensors that make up floats begin .. end - 1 of all of
// them, one after another; `at` counts from begin.
template <class F>
void for_pieces(std::span<Tensor* const> tensors, std::size_t begin, std::size_t end, F f) {
  std::size_t offset = 0;
  for (Tensor* t : tensors) {
    const std::size_t size = t->elements(), first = std::max(begin, offset),
                      last = std::min(end, offset + size);
    if (first < last) f(*t, first - offset, last - first, first - begin);
    offset += size;
  }
}

void add(std::span<const float> from, std::span<float> to) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

}  // namespace

Shards::Shards(Network& network, std::size_t shards, Processes& processes, ThreadTeam& team)
    : network_(network),
      shards_(shards),
      first_(0),
      local_(0),
      processes_(processes),
      team_(team),
      permits_(static_cast<std::ptrdiff_t>(team.threads())) {
  assert(shards >= processes.count());
  first_ = first_of(processes.rank());
  local_ = first_of(processes.rank() + 1) - first_;
  find_nodes(0, shards_);
  runners_ = std::make_unique<ThreadTeam>(local_);
  for (std::size_t i = 0; i < local_; ++i) {
    copies_.push_back(network.clone());
    teams_.push_back(std::make_unique<ThreadTeam>(std::max<std::size_t>(1, team.threads() / local_)));
    dlogits_.emplace_back();
  }
  for (const Network& copy : copies_) {
    tensors_.push_back(copy.tensors());
    states_.push_back(copy.state());
  }
  const std::size_t R = processes.count();
  for (std::size_t rank = 0; rank <= R; ++rank) slices_.push_back(network.parameters() * rank / R);
  meeting_ = std::make_unique<Meeting>(*this);
}

Shards::~Shards() = default;

std::size_t Shards::first_of(std::size_t rank) const {
  const std::size_t R = processes_.count();
  return (rank * shards_ + R - 1) / R;
}

void Shards::find_nodes(std::size_t first, std::size_t last) {
  if (rank_of(first) == rank_of(last - 1)) {
    nodes_.push_back({first, last, rank_of(first)});
    return;
  }
  const std::size_t middle = (first + last) / 2;
  find_nodes(first, middle);
  find_nodes(middle, last);
}

Shards::Result Shards::backward(Batches& batches, std::size_t b, std::size_t epoch, double label_smoothing,
                                std::size_t step, bool wants_to_stop) {
  copy_state_to_shards();
  const std::size_t B = batches.size(b), K = network_.classes();
  const auto first_sample = [&](std::size_t shard) { return shard * B / shards_; };
  const std::size_t mine = first_sample(first_);
  const Batch part = batches.part(b, mine, first_sample(first_ + local_) - mine, team_, epoch);

  std::vector<double> losses(local_ + 1);  // and whether to stop
  runners_->parallel_for(local_, [&](std::size_t i) {
    permits_.acquire();
    const std::size_t first = first_sample(first_ + i), size = first_sample(first_ + i + 1) - first;
    const std::size_t pixels = network_.pixels();
    const Batch batch{size, part.pixels.subspan((first - mine) * pixels, size * pixels),
                      part.labels.subspan(first - mine, size)};
    Seat seat(*meeting_, i);
    const Pass pass{
        .team = *teams_[i], .training = true, .step = step, .first_sample = first, .whole = &seat};
    dlogits_[i].resize(std::max(dlogits_[i].size(), size * K));
    const std::span<float> dlogits = std::span(dlogits_[i]).first(size * K);
    losses[i] =
        softmax_cross_entropy(copies_[i].forward(batch, pass), batch.labels, dlogits, label_smoothing, B);
    copies_[i].backward(batch, dlogits, pass);
    permits_.release();
  });
  for (const Node& node : nodes_) {
    if (node.rank == processes_.rank()) sum_within(node);
  }
  losses.back() = wants_to_stop ? 1 : 0;
  const std::vector<double> all = sum_between_processes(losses);
  const std::vector<Tensor*> state = network_.state();
  for (std::size_t i = 0; i < state.size(); ++i) {
    if (state[i]->grad.empty()) state[i]->value = states_.front()[i]->value;  // a buffer
  }
  Result result{0, false};
  std::size_t at = 0;
  for (std::size_t rank = 0; rank < processes_.count(); ++rank) {
    for (std::size_t shard = first_of(rank); shard < first_of(rank + 1); ++shard)
      result.loss_sum += all[at++];
    result.wants_to_stop |= all[at++] > 0;
  }
  return result;
}

void Shards::copy_state_to_shards() {
  const std::vector<Tensor*> state = network_.state();
  team_.parallel_for(local_, [&](std::size_t i) {
    for (std::size_t t = 0; t < state.size(); ++t)
      std::ranges::copy(state[t]->value, states_[i][t]->value.begin());
  });
}

// The sum of a node's shards into its first one's gradients.
void Shards::sum_within(const Node& node) {
  for (std::size_t t = 0; t < tensors_.front().size(); ++t) {
    const std::size_t size = tensors_.front()[t]->elements();
    team_.parallel_for(chunks(size), [&](std::size_t chunk) {
      const std::size_t begin = chunk * kChunk, count = std::min(kChunk, size - begin);
      const auto grad = [&](std::size_t shard) {
        return std::span(tensors_[shard - first_][t]->grad).subspan(begin, count);
      };
      const auto sum = [&](auto& self, std::size_t first, std::size_t last) -> void {
        if (last - first == 1) return;
        const std::size_t middle = (first + last) / 2;
        self(self, first, middle);
        self(self, middle, last);
        add(grad(middle), grad(first));
      };
      sum(sum, node.first, node.last);
    });
  }
}

// Every process sums its slice of the parameters over all nodes, and tells the others, together with `said`:
// of each of its shards a number and one more. Returns what all have said.
std::vector<double> Shards::sum_between_processes(std::span<const double> said) {
  const std::vector<Tensor*> tensors = network_.tensors();
  const std::size_t R = processes_.count(), me = processes_.rank();
  if (R == 1) {
    for (std::size_t t = 0; t < tensors.size(); ++t) std::swap(tensors[t]->grad, tensors_.front()[t]->grad);
    return {said.begin(), said.end()};
  }
  std::vector<std::size_t> to_sizes(R), from_sizes(R), bytes(R);
  const auto slice = [&](std::size_t rank) { return slices_[rank + 1] - slices_[rank]; };
  for (const Node& node : nodes_) from_sizes[node.rank] += slice(me);
  to_.clear();
  for (std::size_t rank = 0; rank < R; ++rank) {
    for (const Node& node : nodes_) {
      if (node.rank != me) continue;
      to_sizes[rank] += slice(rank);
      for_pieces(tensors_[node.first - first_], slices_[rank], slices_[rank + 1],
                 [&](Tensor& t, std::size_t first, std::size_t count, std::size_t) {
                   to_.insert(to_.end(), &t.grad[first], &t.grad[first] + count);
                 });
    }
  }
  from_.resize(nodes_.size() * slice(me));
  processes_.exchange(to_, to_sizes, from_sizes, from_);
  std::size_t node = 0;
  const float* const sum = sum_of_nodes(0, shards_, node, from_.data(), slice(me));

  // Of each process: its slice, then what it says.
  const auto said_bytes = [&](std::size_t rank) {
    return (first_of(rank + 1) - first_of(rank) + 1) * sizeof(double);
  };
  std::vector<std::byte> mine(slice(me) * sizeof(float) + said_bytes(me));
  std::memcpy(mine.data(), sum, slice(me) * sizeof(float));
  std::memcpy(mine.data() + slice(me) * sizeof(float), said.data(), said.size_bytes());
  std::size_t size = 0;
  for (std::size_t rank = 0; rank < R; ++rank) {
    size += bytes[rank] = slice(rank) * sizeof(float) + said_bytes(rank);
  }
  gathered_.resize(size);
  processes_.gather(mine, bytes, gathered_);

  for (Tensor* t : tensors) t->make_grad();
  std::vector<double> all(shards_ + R);
  double* to = all.data();
  const std::byte* from = gathered_.data();
  for (std::size_t rank = 0; rank < R; from += bytes[rank], ++rank) {
    for_pieces(tensors, slices_[rank], slices_[rank + 1],
               [&](Tensor& t, std::size_t first, std::size_t count, std::size_t at) {
                 std::memcpy(&t.grad[first], from + at * sizeof(float), count * sizeof(float));
               });
    std::memcpy(to, from + slice(rank) * sizeof(float), said_bytes(rank));
    to += said_bytes(rank) / sizeof(double);
  }
  return all;
}

// The rest of the tree, above the nodes: `parts` has a slice of each.
float* Shards::sum_of_nodes(std::size_t first, std::size_t last, std::size_t& node, float* parts,
                            std::size_t size) {
  if (nodes_[node].first == first && nodes_[node].last == last) return parts + node++ * size;
  const std::size_t middle = (first + last) / 2;
  float* const left = sum_of_nodes(first, middle, node, parts, size);
  const float* const right = sum_of_nodes(middle, last, node, parts, size);
  add({right, size}, {left, size});
  return left;
}

}  // namespace nn
