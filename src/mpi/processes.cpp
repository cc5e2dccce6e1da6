// libnn_mpi.so: the processes that mpirun has started (nn/training/processes.hpp). A library of its own,
// which a program loads only there: without mpirun, it starts as fast as ever and needs no MPI.
#include <mpi.h>
#include <stdlib.h>

#include <vector>

#include "nn/training/processes.hpp"

namespace {

class MpiProcesses : public nn::Processes {
 public:
  MpiProcesses() {
    // Without this thread, Open MPI may look at its sockets only every 10 ms (4.1.4: 10 ms a step in place
    // of 3.4).
    ::setenv("OMPI_MCA_btl_tcp_progress_thread", "1", 0);
    // Large messages in both directions, as ours are: with its other protocol, "put", a request for the next
    // part waits behind the data that go the same way. 2 x 800 kB over 1 Gbit/s and 1 ms: 9.8 ms in place
    // of 16.0.
    ::setenv("OMPI_MCA_btl_tcp_flags", "send", 0);
    int provided = 0;  // a call at a time, from any thread
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
    int size = 1, rank = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    count_ = static_cast<std::size_t>(size);
    rank_ = static_cast<std::size_t>(rank);
    if (provided < MPI_THREAD_SERIALIZED) MPI_Abort(MPI_COMM_WORLD, 1);
  }
  ~MpiProcesses() override { MPI_Finalize(); }

  std::size_t count() const override { return count_; }
  std::size_t rank() const override { return rank_; }

  void gather(std::span<const std::byte> mine, std::span<const std::size_t> sizes,
              std::span<std::byte> all) override {
    const Layout layout(sizes);
    MPI_Allgatherv(mine.data(), static_cast<int>(mine.size()), MPI_BYTE, all.data(), layout.counts.data(),
                   layout.offsets.data(), MPI_BYTE, MPI_COMM_WORLD);
  }

  void exchange(std::span<const float> to, std::span<const std::size_t> to_sizes,
                std::span<const std::size_t> from_sizes, std::span<float> from) override {
    const Layout out(to_sizes), in(from_sizes);
    MPI_Alltoallv(to.data(), out.counts.data(), out.offsets.data(), MPI_FLOAT, from.data(), in.counts.data(),
                  in.offsets.data(), MPI_FLOAT, MPI_COMM_WORLD);
  }

  void abort(int status) override { MPI_Abort(MPI_COMM_WORLD, status); }

 private:
  struct Layout {
    explicit Layout(std::span<const std::size_t> sizes) {
      int offset = 0;
      for (const std::size_t size : sizes) {
        counts.push_back(static_cast<int>(size));
        offsets.push_back(offset);
        offset += counts.back();
      }
    }
    std::vector<int> counts, offsets;
  };

  std::size_t count_ = 1, rank_ = 0;
};

}  // namespace

extern "C" __attribute__((visibility("default"))) nn::Processes* nn_mpi_processes() {
  static MpiProcesses processes;
  return &processes;
}

extern "C" __attribute__((visibility("default"))) const char* nn_mpi_version() {
  static char text[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(text, &length);
  for (char& c : text) {
    if (c == ',' || c == '\n') c = '\0';  // "Open MPI v4.1.4, package: ..."
  }
  return text;
}
