// The ThreadTeam of nn/core/parallel.hpp where there are no threads: the calling one does every block.
#pragma once

#include <cstddef>

#include "nn/core/matmul.hpp"

namespace nn {

class ThreadTeam {
 public:
  explicit ThreadTeam(std::size_t) {}
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  std::size_t threads() const { return 1; }

  template <class F>
  void parallel_for(std::size_t blocks, F&& f) {
    for (std::size_t block = 0; block < blocks; ++block) f(block);
  }
};

}  // namespace nn
