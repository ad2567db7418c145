#pragma once
// A model of token sequences, of any family. The forward pass is three steps, so that a caller may replace the first
// (pictures among the tokens), watch the second, and do the third only for the rows it needs:
//
//   auto model = LoadModel(checkpoint);                          // models/load.h
//   Tensor x = model->Embed(ids);                                // ids i64 [T] -> [T, C]
//   Tensor h = model->Hidden(x, context);                        // [T, C] -> [M, C], after the final norm
//   Tensor logits = model->Logits(h);                            // [M, C] -> [M, V]
//
// A model is immutable while it computes: any number of threads may call these at once.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tessera/core/tensor.h"
#include "tessera/nn/context.h"
#include "tessera/nn/parameters.h"

namespace tessera::models {

// What one layer keeps for each token.
struct KvShape {
  int64_t kv_heads = 0, key_dim = 0, value_dim = 0;
  int64_t window = 0;           // > 0: the layer sees only that many newest positions
  bool values_in_keys = false;  // a value is the first value_dim numbers of its key, and is not kept again
  kernels::KvPageFormat Format(DType dtype) const { return {dtype, kv_heads, key_dim, value_dim, values_in_keys}; }
};

struct ModelSummary {
  std::string family;               // the config's model_type: "llama", "qwen2"
  int64_t vocab = 0;                // V
  int64_t hidden = 0;               // C
  int64_t max_context = 0;          // positions that the model was made for
  std::vector<KvShape> kv;          // one a layer
  std::vector<int64_t> bos_ids;     // none or one
  std::vector<int64_t> eos_ids;     // any of them ends a text
  DType activations = DType::kF32;  // dtype of Embed's and Hidden's results
  Device device = Device::kCpu;     // where its weights and results are
  bool fixed_angles = true;         // rotary angles depend on positions alone, not on the length of the sequence
  int64_t experts = 0, chosen = 0;  // of a mixture of experts: in a layer, and at work for a token
  int64_t layers() const { return std::ssize(kv); }
};

// Called with the output of each decoder layer, in order, before the final norm: [T, C], of the last one [M, C].
using LayerObserver = std::function<void(int64_t layer, const Tensor& output)>;

class VisionEncoder;
class PictureTokens;

class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  virtual const ModelSummary& summary() const = 0;

  // The embedding rows of ids i64 [T]: [T, C]. Throws Error for an id outside 0 … V - 1.
  virtual Tensor Embed(const Tensor& ids) const = 0;
  // All layers and the final norm: x [T, C] -> [M, C], the rows that the context wants. With a cache, every row's keys
  // and values are stored first.
  virtual Tensor Hidden(const Tensor& x, const nn::Context& context, const LayerObserver& observer = {}) const = 0;
  // The scores of the next token for each row: hidden [M, C] -> [M, V], f32 whatever the activations are.
  // All three take and give tensors where the weights are; ids and a context may come from the processor.
  virtual Tensor Logits(const Tensor& hidden) const = 0;

  // The part that sees pictures (models/vision.h); null for models of text alone.
  virtual const VisionEncoder* vision() const { return nullptr; }
  // How pictures are tokens of its vocabulary (models/picture_tokens.h); null for models that write text alone.
  virtual const PictureTokens* picture_tokens() const { return nullptr; }

  // The weights under the checkpoint's own names; a trainer replaces their values here.
  virtual nn::Parameters& parameters() = 0;
};

}  // namespace tessera::models
