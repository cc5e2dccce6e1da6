// Convolutions of 3x3, GFLOP/s of the definition on one thread: the layer, its fusion, and oneDNN where it is
// installed (Debian: libdnnl-dev).
//
// Run:  OMP_NUM_THREADS=1 build/tests/conv
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "nn/core/parallel.hpp"
#include "nn/core/rng.hpp"
#include "nn/fusions/winograd_conv.hpp"
#include "nn/layers/conv2d.hpp"

#ifdef NN_HAS_ONEDNN
#include <dnnl.hpp>
#if DNNL_VERSION_MAJOR != 2
#undef NN_HAS_ONEDNN  // another interface
#endif
#endif

using namespace nn;

namespace {

constexpr std::size_t kBatch = 64;

struct Sizes {
  std::size_t side, channels, filters;

  double flop() const { return 2.0 * static_cast<double>(kBatch * side * side * channels * filters * 9); }
};
constexpr Sizes kSizes[] = {{28, 1, 16}, {14, 16, 48}, {14, 24, 48}, {14, 48, 48}, {7, 48, 96}, {28, 64, 64}};

void count_flop(benchmark::State& state, double flop) {
  state.counters["FLOP/s"] = benchmark::Counter(flop, benchmark::Counter::kIsIterationInvariantRate);
}

// The layer, or the fusion in its place.
void ours(benchmark::State& state, const Sizes& sizes, bool fused, bool backward) {
  const Shape in{sizes.side, sizes.side, sizes.channels};
  SimpleRng rng(1);
  Conv2d conv(sizes.filters, 3);
  conv.prepare(in);
  for (Tensor* t : conv.tensors()) {
    t->allocate();
    t->make_grad();
  }
  conv.draw(Init::he, rng);
  WinogradConv winograd(conv, in, conv.output(in));
  Layer& layer = fused ? static_cast<Layer&>(winograd) : conv;
  Floats x(kBatch * in.size()), y(kBatch * conv.output(in).size()), dx(x.size());
  for (float& v : x) v = rng.range(-1.0f, 1.0f);
  ThreadTeam team(1);
  const Pass pass{.team = team, .training = true, .step = 1};
  const Matrix xs = mat(x, kBatch, in.size()), ys = mat(y, kBatch, y.size() / kBatch),
               dxs = mat(dx, kBatch, in.size());
  layer.forward(xs, ys, pass);
  for (auto _ : state) backward ? layer.backward(xs, ys, ys, dxs, pass) : layer.forward(xs, ys, pass);
  count_flop(state, sizes.flop() * (backward ? 2 : 1));
}

#ifdef NN_HAS_ONEDNN
// In the memory formats that it likes best.
void onednn(benchmark::State& state, const Sizes& sizes, bool backward) {
  using namespace dnnl;
  using Md = memory::desc;
  const engine cpu(engine::kind::cpu, 0);
  stream queue(cpu);
  const auto dim = [](std::size_t n) { return static_cast<memory::dim>(n); };
  const memory::dim side = dim(sizes.side), B = dim(kBatch);
  const auto any = [](const memory::dims& dims) {
    return Md(dims, memory::data_type::f32, memory::format_tag::any);
  };
  const Md x = any({B, dim(sizes.channels), side, side}),
           w = any({dim(sizes.filters), dim(sizes.channels), 3, 3});
  const Md b = any({dim(sizes.filters)}), y = any({B, dim(sizes.filters), side, side});
  const memory::dims one{1, 1};
  const convolution_forward::primitive_desc forward(
      {prop_kind::forward_training, algorithm::convolution_auto, x, w, b, y, one, one, one}, cpu);
  const convolution_backward_data::primitive_desc to_x(
      {algorithm::convolution_direct, x, w, y, one, one, one}, cpu, forward);
  const convolution_backward_weights::primitive_desc to_w(
      {algorithm::convolution_direct, x, w, b, y, one, one, one}, cpu, forward);
  const auto make = [&](const Md& md) {
    memory m(md, cpu);
    std::fill_n(static_cast<float*>(m.get_data_handle()), md.get_size() / sizeof(float), 0.5f);
    return m;
  };
  memory xs = make(forward.src_desc()), ws = make(forward.weights_desc()), bs = make(forward.bias_desc());
  memory ys = make(forward.dst_desc()), dy_x = make(to_x.diff_dst_desc()), w_x = make(to_x.weights_desc());
  memory dx = make(to_x.diff_src_desc()), x_w = make(to_w.src_desc()), dy_w = make(to_w.diff_dst_desc());
  memory dw = make(to_w.diff_weights_desc()), db = make(to_w.diff_bias_desc());
  for (auto _ : state) {
    if (backward) {
      convolution_backward_data(to_x).execute(
          queue, {{DNNL_ARG_DIFF_DST, dy_x}, {DNNL_ARG_WEIGHTS, w_x}, {DNNL_ARG_DIFF_SRC, dx}});
      convolution_backward_weights(to_w).execute(queue, {{DNNL_ARG_SRC, x_w},
                                                         {DNNL_ARG_DIFF_DST, dy_w},
                                                         {DNNL_ARG_DIFF_WEIGHTS, dw},
                                                         {DNNL_ARG_DIFF_BIAS, db}});
    } else {
      convolution_forward(forward).execute(
          queue, {{DNNL_ARG_SRC, xs}, {DNNL_ARG_WEIGHTS, ws}, {DNNL_ARG_BIAS, bs}, {DNNL_ARG_DST, ys}});
    }
    queue.wait();
  }
  count_flop(state, sizes.flop() * (backward ? 2 : 1));
}
#endif

}  // namespace

int main(int argc, char** argv) {
  for (const Sizes& sizes : kSizes) {
    const std::string side = std::to_string(sizes.side);
    const std::string shape =
        side + "x" + side + ", " + std::to_string(sizes.channels) + " to " + std::to_string(sizes.filters);
    for (const bool backward : {false, true}) {
      const std::string name = shape + (backward ? ", backward: " : ", forward: ");
      benchmark::RegisterBenchmark((name + "layer").c_str(), ours, sizes, false, backward);
      if (sizes.channels >= 8)
        benchmark::RegisterBenchmark((name + "fusion").c_str(), ours, sizes, true, backward);
#ifdef NN_HAS_ONEDNN
      benchmark::RegisterBenchmark((name + "oneDNN").c_str(), onednn, sizes, backward);
#endif
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
