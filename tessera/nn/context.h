#pragma once
// What a forward pass knows besides its activations: where each row stands, which rows it sees, and where keys are
// kept.
//
// A batch is sequences laid end to end: row t of the activations [T, C] has position positions[t], and `pattern` says
// which sequence it belongs to. The same value goes down through every layer.
//
//   Two prompts of 5 and 3 tokens, no cache:
//   Context context = PlainContext({5, 3});

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "tessera/core/tensor.h"
#include "tessera/kernels/attention_pattern.h"
#include "tessera/kernels/kv_pages.h"

namespace tessera::nn {

// Where the keys and values of this pass are kept. A view; owns nothing.
struct KvView {
  std::span<const kernels::KvPages> layers;  // one a layer of the model
  std::span<const int64_t> slots;            // one a row: where row t's key and value go, in every layer
};

struct Context {
  Tensor positions;                   // i64 [T], each >= 0: the angle that rotary embedding turns by; or i64 [3, T],
                                      // three for each row (time, height, width), for models that see pictures
  kernels::AttentionPattern pattern;  // pattern.query_rows() == T
  std::optional<KvView> cache;        // none: keys are the rows of this pass themselves
  // Of each sequence, how many of its newest rows the caller wants results of; none: all rows. Their keys and values
  // are made all the same, and a tree of guesses gives all its rows or none.
  std::optional<std::vector<int64_t>> wanted;
  std::function<void(int64_t layer)> after_layer = {};  // called when a layer's work was given to the device
};

// Sequences of the given lengths, each from position 0, causal, without a cache.
// Throws Error for a negative length.
Context PlainContext(std::span<const int64_t> lengths);

// The context of a pass on the GPU: its pattern with the lists that attention reads there. As it is on the processor,
// and where the pattern has its lists.
Context OnDevice(const Context& context, Device device);
// The same for a pattern without a cache.
kernels::AttentionPattern OnDevice(kernels::AttentionPattern pattern, Device device);

// Throws Error unless positions, pattern, cache and wanted rows fit `rows` rows and `layers` layers; says which does
// not.
void CheckContext(const Context& context, int64_t rows, int64_t layers);

}  // namespace tessera::nn
