// What a user sees while a network trains, and Ctrl-C.
#pragma once

#include <csignal>
#include <cstddef>

#include "nn/training/report.hpp"

namespace nn::cli {

// A line with the time left on a terminal, plain lines in a pipe. Results (a line an epoch) go to standard
// output, the moving line to standard error. `quiet`: neither.
class Progress {
 public:
  // `begun`: epochs done by an earlier run that this one resumes.
  Progress(std::size_t epochs, bool quiet, std::size_t begun);

  void batch_done(const BatchReport& report);
  void epoch_done(const EpochReport& report);

  // Clears the moving line, so that whatever is printed next starts on a line of its own.
  void close_line();

 private:
  std::size_t epochs_;
  double begun_;
  bool quiet_, on_terminal_, line_is_open_ = false;
  Stopwatch watch_;
  double next_;  // when to print again, in seconds since the start
};

// Watches SIGINT and SIGTERM from its construction on: after the first one requested() is true, the second
// one ends the program at once.
class Interrupt {
 public:
  Interrupt();
  bool requested() const { return requested_ != 0; }

 private:
  static void note(int signal);
  static inline volatile std::sig_atomic_t requested_ = 0;
};

// For training: whoever reads what it prints may leave (`| head`), and the model is written all the same.
void ignore_closed_pipes();

}  // namespace nn::cli
