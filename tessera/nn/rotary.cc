#include "tessera/nn/rotary.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/thread_pool.h"

namespace tessera::nn {

RotaryTables Rope::Tables(const Context& context) const {
  const auto positions = context.positions.data<int64_t>();
  const int64_t pairs = config_.rotary_dim / 2;
  const Shape shape{std::ssize(positions), pairs};
  RotaryTables tables{Tensor::Empty(shape), Tensor::Empty(shape)};
  const auto cos = tables.cos.mutable_data<float>(), sin = tables.sin.mutable_data<float>();
  const float factor = AttentionFactor(config_);
  size_t row = 0;
  for (const kernels::AttentionSequence& sequence : context.pattern.sequences) {
    const auto own = positions.subspan(row, static_cast<size_t>(sequence.query_count));
    const int64_t length = own.empty() ? 0 : *std::ranges::max_element(own) + 1;
    const std::vector<float> frequencies = InverseFrequencies(config_, length);
    ParallelForRange(std::ssize(own), 64, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) {
        for (size_t i = 0; i < frequencies.size(); ++i) {
          // The angle is rounded to f32, as in the code that checkpoints were trained with.
          const float angle = static_cast<float>(own[static_cast<size_t>(t)]) * frequencies[i];
          const size_t place = (row + static_cast<size_t>(t)) * static_cast<size_t>(pairs) + i;
          cos[place] = static_cast<float>(std::cos(static_cast<double>(angle))) * factor;
          sin[place] = static_cast<float>(std::sin(static_cast<double>(angle))) * factor;
        }
      }
    });
    row += own.size();
  }
  return tables;
}

}  // namespace tessera::nn
