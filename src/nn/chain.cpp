#include "nn/layers/chain.hpp"

#include <algorithm>
#include <cassert>
#include <span>
#include <utility>

#include "nn/fusions/all_fusions.hpp"
#include "nn/layers/elementwise.hpp"
#include "nn/layers/residual.hpp"

namespace nn {

Chain::Chain(const Shape& input, std::vector<std::unique_ptr<Layer>> layers, bool is_first)
    : is_first_(is_first), layers_(std::move(layers)), shapes_{input} {
  for (const auto& layer : layers_) {
    const Shape in = shapes_.back();
    shapes_.push_back(layer->output(in));
    layer->prepare(in);
  }
  use_fusions(true);
}

void Chain::use_fusions(bool use) {
  fusions_.clear();
  stages_.clear();
  for (std::size_t i = 0; i < layers_.size();) {
    const FusionSite site{std::span(layers_).subspan(i), std::span(shapes_).subspan(i), is_first_ && i == 0};
    Layer* layer = layers_[i].get();
    if (auto fusion = use ? fusion_at(site) : nullptr) {
      i += fusion->layers();
      layer = fusions_.emplace_back(std::move(fusion)).get();
    } else {
      ++i;
      if (auto* residual = dynamic_cast<Residual*>(layer)) residual->chain().use_fusions(use);
    }
    stages_.push_back({layer, shapes_[i].size(), false, 0});
  }
  plan();
}

std::vector<Fusion*> Chain::fusions() const {
  std::vector<Fusion*> all;
  for (const Stage& stage : stages_) {
    if (auto* fusion = dynamic_cast<Fusion*>(stage.layer)) all.push_back(fusion);
    if (auto* residual = dynamic_cast<Residual*>(stage.layer)) {
      const std::vector<Fusion*> inner = residual->chain().fusions();
      all.insert(all.end(), inner.begin(), inner.end());
    }
  }
  return all;
}

bool Chain::reads_bytes() const {
  return !fusions_.empty() && stages_.front().layer == fusions_.front().get() &&
         fusions_.front()->reads_bytes();
}

// Where every stage puts what it makes: in its input's place if nobody needs that afterwards, else beside it.
// The chain's own input belongs to somebody else.
void Chain::plan() {
  capacity_ = size_ = widest_ = 0;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    Stage& stage = stages_[i];
    stage.in_place = i > 0 && stage.layer->in_place() && !stages_[i - 1].layer->reads_output();
    stage.offset = stage.in_place ? stages_[i - 1].offset : size_;
    if (!stage.in_place) size_ += stage.size;
    widest_ = std::max(widest_, stage.size);
  }
}

void Chain::reserve(std::size_t batch) {
  if (batch <= capacity_) return;
  capacity_ = batch;
  memory_ = Floats(batch * size_);
  for (const Stage& stage : stages_) stage.layer->reserve(batch);
}

ConstMatrix Chain::forward(ConstMatrix x, const Pass& pass) {
  const std::size_t batch = x.rows;
  reserve(batch);
  for (Stage& stage : stages_) {
    const Matrix y{memory_.data() + capacity_ * stage.offset, batch, stage.size, stage.size, false};
    stage.layer->forward(x, y, pass);
    stage.x = x;
    x = stage.y = y;
  }
  return x;
}

void Chain::backward(ConstMatrix x, ConstMatrix dy, Matrix dx, const Pass& pass) {
  const auto gradient = [&](std::size_t turn, std::size_t size) {
    Floats& memory = gradients_[turn % 2];
    if (memory.size() < x.rows * widest_) memory = Floats(x.rows * widest_);
    return Matrix{memory.data(), x.rows, size, size, false};
  };
  std::size_t turn = 0;
  Matrix mine{};  // dy, where it is in the chain's own memory
  for (std::size_t i = stages_.size(); i-- > 0;) {
    const Stage& stage = stages_[i];
    if (stage.in_place && !mine.data) {
      mine = gradient(turn, stage.size);
      copy(dy, mine);
      dy = mine;
    }
    const Matrix to = i == 0 ? dx : stage.in_place ? mine : gradient(++turn, stages_[i - 1].size);
    stage.layer->backward(i == 0 ? x : stage.x, stage.y, dy, to, pass);
    dy = mine = to;
  }
  if (stages_.empty() && dx.data) copy(dy, dx);
}

}  // namespace nn
