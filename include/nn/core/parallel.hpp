// ThreadTeam: a few threads that share out numbered blocks of work.
//
// The blocks of a job are fixed by the problem, never by the number of threads, and each is done whole by
// one thread; so a result has the same bits for every number of threads.
//
// Every thread has blocks of its own, the same ones each time a job comes round (their data is still in its
// cache), and helps with the others' when it is done. A thread that the system is not running therefore
// holds up nobody, unless it was stopped in the middle of a block. Waiting threads look for work for some
// microseconds, then sleep: spinning on would take a core away from somebody who can use it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include "nn/core/error.hpp"
#include "nn/core/matmul.hpp"
#include "nn/core/subnormals.hpp"

namespace nn {

class ThreadTeam {
 public:
  // `threads` >= 1, the calling thread among them. Throws Error if the system does not give so many.
  explicit ThreadTeam(std::size_t threads) : threads_(threads), ranges_(new Range[threads]) {
    assert(threads >= 1);
    if (threads > 1) load_blas();  // alone, it is loaded when it is needed
    try {
      for (std::size_t t = 1; t < threads; ++t) workers_.emplace_back([this, t] { work_until_stopped(t); });
    } catch (const std::system_error& error) {
      const std::string started = std::to_string(workers_.size() + 1);
      stop();
      throw Error("threads", std::to_string(threads) + " asked for, the system starts only " + started +
                                 ": " + error.what());
    }
  }
  ~ThreadTeam() { stop(); }
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  std::size_t threads() const { return threads_; }

  // Calls f(block) once for each block 0 .. blocks-1, from all threads at once, and returns when all are
  // done. f must not throw and must not use the team itself; subnormal numbers count as 0 within it.
  template <class F>
  void parallel_for(std::size_t blocks, F&& f) {
    for (std::size_t first = 0; first < blocks; first += kMaxBlocks) {
      run_job(first, std::min(kMaxBlocks, blocks - first), f);
    }
  }

 private:
  static constexpr std::size_t kMaxBlocks = 0xffff;

  // Blocks first .. first + blocks - 1; blocks <= kMaxBlocks.
  template <class F>
  void run_job(std::size_t first, std::size_t blocks, F& f) {
    const FlushSubnormals here;  // as in the workers: the bits must not depend on who does a block
    auto call = [&f, first](std::size_t block) { f(first + block); };
    if (threads_ == 1 || blocks <= 1) {
      for (std::size_t block = 0; block < blocks; ++block) call(block);
      return;
    }
    context_ = &call;
    run_ = [](void* context, std::size_t block) { (*static_cast<decltype(call)*>(context))(block); };
    pending_.store(static_cast<std::uint32_t>(blocks), std::memory_order_relaxed);
    const std::uint32_t job = job_number_.load(std::memory_order_relaxed) + 1;
    for (std::size_t t = 0; t < threads_; ++t) {
      const std::uint64_t next = blocks * t / threads_, end = blocks * (t + 1) / threads_;
      ranges_[t].state.store(std::uint64_t{job} << 32 | next << 16 | end, std::memory_order_release);
    }
    job_number_.store(job, std::memory_order_release);
    job_number_.notify_all();  // no system call unless somebody sleeps
    take_blocks(0);
    wait_while_equal_until(pending_, [](std::uint32_t pending) { return pending == 0; });
  }

  // Blocks not yet taken of one thread's share: job number (32 bits), next block (16), end (16). The job
  // number makes every state unique, so that a late thread cannot take a block of a job it did not see.
  struct alignas(64) Range {
    std::atomic<std::uint64_t> state{0};
  };

  void take_blocks(std::size_t self) {
    for (std::size_t k = 0; k < threads_; ++k) {
      std::atomic<std::uint64_t>& range = ranges_[(self + k) % threads_].state;
      std::uint64_t state = range.load(std::memory_order_acquire);
      while ((state >> 16 & 0xffff) < (state & 0xffff)) {
        if (!range.compare_exchange_weak(state, state + 0x10000, std::memory_order_acquire)) continue;
        run_(context_, state >> 16 & 0xffff);  // stays valid: the job cannot end before this block
        if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) pending_.notify_one();
        state = range.load(std::memory_order_acquire);
      }
    }
  }

  void stop() {
    stop_ = true;
    job_number_.fetch_add(1);
    job_number_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void work_until_stopped(std::size_t self) {
    const FlushSubnormals here;
    for (std::uint32_t seen = 0;;) {
      wait_while_equal_until(job_number_, [&](std::uint32_t job) { return job != seen; });
      seen = job_number_.load(std::memory_order_acquire);
      if (stop_) return;
      take_blocks(self);
    }
  }

  // Returns when arrived(value) holds: first looks again and again, then sleeps.
  template <class Arrived>
  static void wait_while_equal_until(std::atomic<std::uint32_t>& value, Arrived arrived) {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    for (;;) {
      for (int i = 0; i < 64; ++i) {
        if (arrived(value.load(std::memory_order_acquire))) return;
        relax();
      }
      if (std::chrono::steady_clock::now() > patience) break;
    }
    for (std::uint32_t now; !arrived(now = value.load(std::memory_order_acquire));) value.wait(now);
  }

  // Tells the processor that this is a waiting loop.
  static void relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::size_t threads_;
  std::unique_ptr<Range[]> ranges_;
  void (*run_)(void*, std::size_t) = nullptr;
  void* context_ = nullptr;
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<std::uint32_t> job_number_{0};
  alignas(64) std::atomic<std::uint32_t> pending_{0};
  std::vector<std::thread> workers_;
};

}  // namespace nn
