// mlp_simple: 2 -> H (sigmoid) -> 1 (sigmoid), one sample at a time, learns XOR or another logic gate.
//
//   x (2) --w1, b1--> sigmoid --> h (H) --w2, b2--> sigmoid --> o        loss = mean of (y - o)^2
//
// The network and a step of its training are nn/xor_net.hpp. By default a fusion does the same in a third of
// the time (fusions/xor_sgd.hpp); --no-fusions takes the plain loop.
//
// Run:     build/mlp_simple                (--help lists the options)
// Expect:  outputs 0.011 0.990 0.990 0.010 after 1,000,000 epochs with the default seed, 42.
#include "nn/xor_net.hpp"

#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "cli/options.hpp"
#include "cli/progress.hpp"
#include "decision_surface.hpp"
#include "nn/core/names.hpp"
#include "nn/core/rng.hpp"
#include "nn/files/bin.hpp"
#include "nn/files/signature.hpp"
#include "nn/fusions/xor_sgd.hpp"
#include "nn/training/logs.hpp"

int main(int argc, char** argv) {
  using namespace nn::cli;
  nn::Gate gate{0, 1, 1, 0};
  std::size_t hidden = 4, epochs = 1'000'000;
  double learning_rate = 0.01, stop_error = 0;
  std::uint64_t seed = 42;
  std::string output, log_path;
  bool no_fusions = false, quiet = false;

  Options app("mlp_simple", "Trains 2 -> H (sigmoid) -> 1 (sigmoid) on a logic gate, one sample at a time.");
  app.choice<nn::Gate>("--gate", gate, "what to learn", {nn::kGateNames.begin(), nn::kGateNames.end()});
  app.number("--hidden", hidden, "hidden units", 1, 1024);
  app.number("--epochs", epochs, "passes over the four samples", 1, 1'000'000'000);
  app.number("--lr", learning_rate, "learning rate", 1e-12, 1e6);
  app.number("--stop-error", stop_error,
             "stop once the loss, seen every 1,000 epochs, is below this, 0 for never", 0, 1);
  app.seed(seed);
  app.flag("--no-fusions", no_fusions, "train with the plain loop, not the faster fusion of it");
  app.path("--output", output, "model file to write [none]");
  app.log("--log", log_path, "a row every 1,000 epochs");
  app.flag("--quiet", quiet, "print the four outputs only");

  return app.run(argc, argv, [&] {
    check_apart({}, {{"--output", output}, {"--log", log_path}});
    if (!output.empty()) nn::check_writable(output);
    if (!log_path.empty()) nn::check_writable(log_path);
    ignore_closed_pipes();

    // Data: the truth table of the gate, in the order 00 01 10 11.
    const nn::XorSamples samples = nn::truth_table(gate);

    // Network
    nn::SimpleRng rng(seed);
    nn::XorNet net(hidden, rng);
    if (!quiet) {
      std::printf("network: 2 -> %zu (sigmoid) -> 1 (sigmoid), float64\n", hidden);
      std::printf("training: SGD sample by sample, learning rate %g, %zu epochs, seed %llu\n", learning_rate,
                  epochs, static_cast<unsigned long long>(seed));
    }

    // Loop: every 1,000 epochs a line and a row of the log.
    std::vector<nn::EpochReport> log;
    double training_seconds = 0;
    const Interrupt interrupt;
    for (std::size_t done = 0; done < epochs && !interrupt.requested();) {
      const std::size_t interval = std::min<std::size_t>(1000, epochs - done);
      const nn::Stopwatch watch;
      const double loss = no_fusions ? nn::train(net, samples, interval, learning_rate)
                                     : nn::train_fused(net, samples, interval, learning_rate);
      const double seconds = watch.seconds();
      training_seconds += seconds;
      done += interval;
      if (!quiet)
        std::printf("epoch %*zu  loss %.6f\n", static_cast<int>(std::to_string(epochs).size()), done, loss);
      log.push_back({.epoch = done, .loss = loss, .seconds = seconds, .learning_rate = learning_rate});
      if (loss < stop_error) {
        if (!quiet) std::printf("stopped: the loss is below %g\n", stop_error);
        break;
      }
    }

    // Result
    std::size_t correct = 0;
    for (const nn::XorSample& s : samples) {
      const double o = net.predict(s.x0, s.x1);
      correct += (o > 0.5) == (s.y > 0.5);
      std::printf("%.0f %s %.0f -> %.3f\n", s.x0, nn::name_of(nn::kGateNames, gate), s.x1, o);
    }
    if (!quiet) std::fputs(nn::decision_surface(net, samples).c_str(), stdout);
    if (!output.empty()) {  // first: a log that fails does not cost the model
      nn::BinWriter file;   // as that of mnist_mlp, with one output
      file.sizes({2, hidden, 1});
      for (const std::vector<double>& values : {net.w1, net.b1, net.w2, {net.b2}})
        file.values(std::span(values));
      file.save(output);
    }
    nn::save_loss_log(log_path, log);
    const int status = interrupt.requested() ? kInterrupted : kDone;
    if (quiet) return status;
    std::printf("accuracy: %.0f %% (%zu of 4)\n", 25.0 * static_cast<double>(correct), correct);
    if (!output.empty()) std::printf("wrote %s\n", output.c_str());
    if (!log_path.empty()) std::printf("wrote %s\n", log_path.c_str());
    std::printf("signature: %s\n", nn::signature(net).c_str());
    std::printf("time: training %.3f s\n", training_seconds);
    return status;
  });
}
