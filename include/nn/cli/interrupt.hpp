// Ctrl-C: the first time the batch is finished and the model saved, the second time the program quits at
// once.
#pragma once

#include <csignal>

namespace nn::cli {

// Watches SIGINT and SIGTERM from its construction on.
class Interrupt {
 public:
  Interrupt() {
    for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, note);
  }
  bool requested() const { return requested_ != 0; }

 private:
  static void note(int signal) {
    requested_ = 1;
    std::signal(signal, SIG_DFL);  // so that the next one is not caught
  }
  static inline volatile std::sig_atomic_t requested_ = 0;
};

}  // namespace nn::cli
