#include "tessera/nn/rotary.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cuda/operators.h"

namespace tessera::nn {
namespace {

// Which of the three positions each pair turns by.
std::vector<size_t> AxisOfPair(const RopeConfig& config) {
  std::vector<size_t> axes;
  for (size_t axis = 0; axis < config.sections.size(); ++axis)
    axes.insert(axes.end(), static_cast<size_t>(config.sections[axis]), axis);
  return axes;
}

}  // namespace

RotaryTables Rope::Tables(const Context& context) const {
  const bool three = context.positions.rank() == 2;
  Require(!three || !config_.sections.empty(),
          "rotary: three positions a token, but the model has no \"mrope_section\"");
  const int64_t pairs = config_.rotary_dim / 2;
  const std::vector<size_t> axes = three ? AxisOfPair(config_) : std::vector<size_t>(static_cast<size_t>(pairs), 0);
  if (context.positions.on_gpu()) {
    Require(!LooksAtLength(config_), "rotary: frequencies that depend on the length need positions on the processor");
    const auto [cos, sin] =
        kernels::cuda::RotaryTables(context.positions, InverseFrequencies(config_, 0), axes, AttentionFactor(config_));
    return {cos, sin};
  }
  const auto positions = context.positions.data<int64_t>();
  const size_t rows = positions.size() / (three ? 3 : 1);
  const Shape shape{static_cast<int64_t>(rows), pairs};
  RotaryTables tables{Tensor::Empty(shape), Tensor::Empty(shape)};
  const auto cos = tables.cos.mutable_data<float>(), sin = tables.sin.mutable_data<float>();
  const float factor = AttentionFactor(config_);
  size_t row = 0;
  for (const kernels::AttentionSequence& sequence : context.pattern.sequences) {
    const auto count = static_cast<size_t>(sequence.query_count);
    int64_t length = 0;
    for (size_t axis = 0; axis < positions.size(); axis += std::max<size_t>(rows, 1))
      for (const int64_t position : positions.subspan(axis + row, count)) length = std::max(length, position + 1);
    const std::vector<float> frequencies = InverseFrequencies(config_, length);
    ParallelForRange(sequence.query_count, 64, [&](int64_t begin, int64_t end) {
      for (size_t t = row + static_cast<size_t>(begin); t < row + static_cast<size_t>(end); ++t) {
        for (size_t i = 0; i < frequencies.size(); ++i) {
          // The angle is rounded to f32, as in the code that checkpoints were trained with.
          const float angle = static_cast<float>(positions[axes[i] * rows + t]) * frequencies[i];
          const size_t place = t * static_cast<size_t>(pairs) + i;
          cos[place] = static_cast<float>(std::cos(static_cast<double>(angle))) * factor;
          sin[place] = static_cast<float>(std::sin(static_cast<double>(angle))) * factor;
        }
      }
    });
    row += count;
  }
  return tables;
}

}  // namespace tessera::nn
