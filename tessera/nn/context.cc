#include "tessera/nn/context.h"

#include <vector>

#include "tessera/kernels/cuda/pass_plan.h"

namespace tessera::nn {

Context PlainContext(std::span<const int64_t> lengths) {
  Context context;
  std::vector<int64_t> positions;
  for (const int64_t length : lengths) {
    Require(length >= 0, "context: a sequence of length {}", length);
    for (int64_t t = 0; t < length; ++t) positions.push_back(t);
    context.pattern.sequences.push_back({.query_count = length, .key_count = length, .pages = {}, .tree_parents = {}});
  }
  context.positions = Tensor::From<int64_t>(positions, {static_cast<int64_t>(positions.size())});
  return context;
}

Context OnDevice(const Context& context, Device device) {
  Context placed = context;
  if (device == Device::kCuda && !placed.pattern.plan)
    placed.pattern.plan = std::make_shared<kernels::cuda::PassPlan>(
        context.pattern, context.cache ? context.cache->slots : std::span<const int64_t>());
  return placed;
}

kernels::AttentionPattern OnDevice(kernels::AttentionPattern pattern, Device device) {
  if (device == Device::kCuda && !pattern.plan)
    pattern.plan = std::make_shared<kernels::cuda::PassPlan>(pattern, std::span<const int64_t>());
  return pattern;
}

void CheckContext(const Context& context, int64_t rows, int64_t layers) {
  const Tensor& positions = context.positions;
  Require(positions.defined() && positions.dtype() == DType::kI64 &&
              (positions.shape() == Shape{rows} || positions.shape() == Shape{3, rows}),
          "context: positions must be i64 [{}], one a row, or i64 [3, {}]", rows, rows);
  Require(context.pattern.query_rows() == rows, "context: the pattern has {} query rows but there are {} rows",
          context.pattern.query_rows(), rows);
  // Positions that lie on a GPU were checked by whoever put them there.
  for (const int64_t position : positions.on_gpu() ? std::span<const int64_t>() : positions.data<int64_t>())
    Require(position >= 0, "context: position {} is negative", position);
  if (context.wanted) {
    const auto& sequences = context.pattern.sequences;
    Require(context.wanted->size() == sequences.size(), "context: rows wanted of {} sequences, the pattern has {}",
            context.wanted->size(), sequences.size());
    for (size_t i = 0; i < sequences.size(); ++i) {
      const int64_t wanted = (*context.wanted)[i], all = sequences[i].query_count;
      Require(wanted >= 0 && wanted <= all, "context: {} rows wanted of sequence {}, which has {}", wanted, i, all);
      Require(sequences[i].tree_parents.empty() || wanted == 0 || wanted == all,
              "context: {} of the {} rows of sequence {} wanted, a tree gives all or none", wanted, all, i);
    }
  }
  if (!context.cache) {
    Require(context.pattern.key_rows() == rows, "context: without a cache the pattern needs {} key rows, it has {}",
            rows, context.pattern.key_rows());
    return;
  }
  Require(std::ssize(context.cache->layers) == layers, "context: the cache has {} layers, the model {}",
          context.cache->layers.size(), layers);
  Require(std::ssize(context.cache->slots) == rows, "context: {} cache slots for {} rows", context.cache->slots.size(),
          rows);
}

}  // namespace tessera::nn
