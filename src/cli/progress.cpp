#include "cli/progress.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

namespace nn::cli {

namespace {

// "4.2 s", "3 min 20 s", "2 h 05 min"
std::string duration(double seconds) {
  char text[32];
  const int whole = static_cast<int>(seconds + 0.5);
  if (seconds < 60) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else if (seconds < 3600) {
    std::snprintf(text, sizeof text, "%d min %02d s", whole / 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%d h %02d min", whole / 3600, whole / 60 % 60);
  }
  return text;
}

// Of standard error's terminal; 80 if it does not say.
std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

}  // namespace

Progress::Progress(std::size_t epochs, bool quiet, std::size_t begun)
    : epochs_(epochs),
      begun_(static_cast<double>(begun)),
      quiet_(quiet),
      on_terminal_(::isatty(STDERR_FILENO) == 1),
      next_(on_terminal_ ? 0.2 : 10.0) {}

void Progress::batch_done(const BatchReport& report) {
  if (quiet_ || watch_.seconds() < next_) return;
  next_ = watch_.seconds() + (on_terminal_ ? 0.1 : 10.0);
  const double fraction = static_cast<double>(report.images_done) / static_cast<double>(report.images);
  const double done = static_cast<double>(report.epoch - 1) + fraction - begun_;
  const double all = static_cast<double>(epochs_) - begun_;
  const std::string left = duration(watch_.seconds() * (all - done) / done) + " left";
  char numbers[64];
  std::snprintf(numbers, sizeof numbers, "%3.0f %%  loss %.4f  ", 100 * fraction, report.loss);
  const std::string epoch = "epoch " + std::to_string(report.epoch) + "/" + std::to_string(epochs_) + "  ";
  if (on_terminal_) {
    const std::size_t equals = static_cast<std::size_t>(20 * fraction);
    std::string bar = "[                    ] ";
    std::fill_n(bar.begin() + 1, equals, '=');
    const std::string text = numbers + left;
    const std::size_t columns = terminal_columns();  // a line that wraps could not be cleared
    std::string line = epoch + bar + text;
    if (line.size() >= columns) line = epoch + text;
    std::fprintf(stderr, "\r\033[K%s", line.substr(0, columns - 1).c_str());
  } else {
    std::fputs((epoch + numbers + left + "\n").c_str(), stderr);
  }
  std::fflush(stderr);
  line_is_open_ = on_terminal_;
}

void Progress::epoch_done(const EpochReport& report) {
  close_line();
  if (quiet_) return;
  std::printf("epoch %*zu/%zu  loss %.6f", static_cast<int>(std::to_string(epochs_).size()), report.epoch,
              epochs_, report.loss);
  if (!std::isnan(report.validation_loss)) {
    std::printf("  validation loss %.6f, accuracy %.2f %%", report.validation_loss,
                100 * report.validation_accuracy);
  }
  if (!std::isnan(report.test_accuracy)) std::printf("  test accuracy %.2f %%", 100 * report.test_accuracy);
  std::printf("  %.2f s\n", report.seconds);
  std::fflush(stdout);
}

void Progress::close_line() {
  if (line_is_open_) std::fputs("\r\033[K", stderr);
  line_is_open_ = false;
}

Interrupt::Interrupt() {
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, note);
}

void Interrupt::note(int signal) {
  requested_ = 1;
  std::signal(signal, SIG_DFL);  // so that the next one is not caught
}

void ignore_closed_pipes() {
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace nn::cli
