#include "nn/core/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#ifdef __linux__
#include <sched.h>
#endif

#include "catch.hpp"
#include "nn/core/available_cpus.hpp"
#include "temporary_folder.hpp"

using namespace nn;

TEST_CASE("parallel_for does every block once, for any number of threads and blocks") {
  for (const std::size_t threads : {1u, 2u, 3u, 8u}) {
    ThreadTeam team(threads);
    for (int round = 0; round < 200; ++round) {
      for (const std::size_t blocks : {0u, 1u, 2u, 5u, 64u}) {
        std::vector<std::atomic<int>> done(blocks);
        team.parallel_for(blocks, [&](std::size_t block) { ++done[block]; });
        for (std::size_t b = 0; b < blocks; ++b) REQUIRE(done[b] == 1);
      }
    }
  }
}

TEST_CASE("a team has no more threads than it was asked for") {
  for (const std::size_t threads : {1u, 3u}) {
    ThreadTeam team(threads);
    std::set<std::thread::id> seen;
    std::mutex seeing;
    team.parallel_for(40, [&](std::size_t) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // so that each has its turn
      const std::lock_guard lock(seeing);
      seen.insert(std::this_thread::get_id());
    });
    CHECK(seen.size() <= threads);
  }
}

TEST_CASE("more blocks than a job has are several jobs") {
  std::vector<std::atomic<int>> done(140'000);
  ThreadTeam(2).parallel_for(done.size(), [&](std::size_t block) { ++done[block]; });
  CHECK(std::ranges::all_of(done, [](const std::atomic<int>& times) { return times == 1; }));
}

TEST_CASE("what the blocks wrote is seen after parallel_for, and threads that fell asleep wake up") {
  ThreadTeam team(3);
  std::vector<int> values(30, 0);
  for (int round = 1; round <= 20; ++round) {
    if (round % 5 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    team.parallel_for(values.size(), [&](std::size_t b) { values[b] += static_cast<int>(b); });
    REQUIRE(std::accumulate(values.begin(), values.end(), 0) == round * 435);
  }
}

TEST_CASE("subnormal numbers count as 0 in every block, on every thread, and only there") {
  const volatile float least = std::numeric_limits<float>::min();
  const auto half_is_zero = [&] { return least * 0.5f == 0.0f; };
  for (const std::size_t threads : {1u, 3u}) {
    ThreadTeam team(threads);
    std::vector<int> zero(64, -1);
    team.parallel_for(zero.size(), [&](std::size_t block) { zero[block] = half_is_zero(); });
    CHECK(std::ranges::count(zero, FlushSubnormals::available()) == 64);
    CHECK_FALSE(half_is_zero());
  }
}

TEST_CASE("a cgroup's quota counts in whole cores, rounded up") {
  test::TemporaryFolder folder;
  const std::string path = folder / "cpu.max";
  const auto cpus = [&](const std::string& text) {
    test::write_file(path, text);
    return detail::cpus_from_quota(path);
  };
  CHECK(cpus("max 100000\n") == 0);
  CHECK(cpus("150000 100000\n") == 2);
  CHECK(cpus("50000 100000\n") == 1);
  CHECK(cpus("400000 100000\n") == 4);
  CHECK(detail::cpus_from_quota(folder / "missing") == 0);
}

#ifdef __linux__
TEST_CASE("a process that may use one core has one, however many the machine has") {
  std::size_t cpus = 0;
  std::thread([&] {  // a thread has an affinity of its own
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
    if (sched_setaffinity(0, sizeof one, &one) == 0) cpus = available_cpus();
  })
      .join();
  CHECK(cpus == 1);
}
#endif
