#pragma once
// Random operands and patterns for the tests of attention.

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "tessera/kernels/attention.h"

namespace tessera::kernels {

inline Tensor Normal(const Shape& shape, uint32_t seed, DType dtype = DType::kF32) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Tensor x = Tensor::Empty(shape);
  for (float& value : x.mutable_data<float>()) value = normal(generator);
  return x.To(dtype);
}

struct AttentionCase {
  std::string name;
  AttentionPattern pattern;
  int64_t heads, kv_heads, dim, value_dim;
  float softcap = 0;
  bool sinks = false;

  AttentionOperands Operands(uint32_t seed, DType dtype = DType::kF32) const {
    const int64_t rows = pattern.query_rows(), keys = pattern.key_rows();
    return {Normal({rows, heads, dim}, seed, dtype), Normal({keys, kv_heads, dim}, seed + 1, dtype),
            Normal({keys, kv_heads, value_dim}, seed + 2, dtype), sinks ? Normal({heads}, seed + 3, dtype) : Tensor()};
  }
  AttentionSpec Spec() const { return {pattern, 1 / std::sqrt(static_cast<float>(dim)), softcap}; }
};

inline AttentionPattern OneSequence(int64_t queries, int64_t keys) { return {.sequences = {{queries, keys, {}, {}}}}; }

// A random tree of `count` nodes.
inline std::vector<int32_t> RandomTree(int32_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<int32_t> parents;
  for (int32_t i = 0; i < count; ++i)
    parents.push_back(static_cast<int32_t>(generator() % static_cast<uint32_t>(i + 1)) - 1);
  return parents;
}

// Odd shapes, ragged batches, windows, trees, caps and sinks. Small enough for one lane.
inline std::vector<AttentionCase> AttentionCases() {
  const AttentionPattern ragged{
      .sequences = {{5, 5, {}, {}}, {0, 2, {}, {}}, {2, 70, {}, {}}, {1, 0, {}, {}}, {3, 1, {}, {}}}};
  AttentionPattern open = ragged, window = OneSequence(130, 200), tree = OneSequence(20, 75), tree_window = tree;
  open.causal = false;
  AttentionPattern picture = OneSequence(71, 71), long_picture = OneSequence(149, 149);  // every patch sees all
  picture.causal = long_picture.causal = false;
  window.window = 37;
  tree.sequences[0].tree_parents = RandomTree(20, 1);
  tree_window = tree, tree_window.window = 9;
  return {{"one", OneSequence(1, 1), 1, 1, 1, 1},
          {"ragged", ragged, 4, 2, 5, 3},
          {"open", open, 3, 3, 17, 33, 0, true},
          {"prompt", OneSequence(67, 67), 6, 2, 64, 64},
          {"step", OneSequence(1, 700), 6, 3, 40, 24},
          {"segments", OneSequence(7, 1030), 2, 1, 32, 16, 0, true},
          {"chunk", OneSequence(33, 129), 2, 2, 80, 48},
          {"window", window, 2, 1, 16, 16},
          {"tree", tree, 4, 2, 24, 40},
          {"tree_window", tree_window, 2, 2, 8, 8, 5, true},
          {"picture", picture, 2, 2, 80, 80},  // widths of 5, 3 and 6 vectors, which blocks divide differently
          {"long picture", long_picture, 1, 1, 72, 72},
          {"narrow picture", picture, 1, 1, 40, 48},
          {"wide picture", picture, 1, 1, 48, 96},
          {"latent", OneSequence(9, 65), 2, 2, 192, 128},
          {"latent cache", OneSequence(3, 70), 2, 1, 576, 512},
          {"wide", OneSequence(3, 64), 1, 1, 256, 256, 30, false}};
}

}  // namespace tessera::kernels
