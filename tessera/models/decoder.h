#pragma once
// The frame around a family's blocks, in Hugging Face's names: model.embed_tokens, model.layers.N, model.norm, lm_head,
// behind the source's prefix if it has one.
//
//   x = E[ids];  x = Block_N(x) for each layer;  logits = RMSNorm(x) Wᵀ, W = lm_head or, tied, E
//
// Block(Scope, Config, Rope, layer) makes a layer; block(sum, LayerContext) applies it to a sum that is still to be
// added (nn::Sum) and gives the next, of the rows that the context wants. Config is a DecoderConfig.

#include <optional>
#include <utility>
#include <vector>

#include "tessera/core/mapped_file.h"
#include "tessera/models/decoder_config.h"
#include "tessera/models/language_model.h"
#include "tessera/nn/attention.h"
#include "tessera/nn/embedding.h"
#include "tessera/nn/linear.h"
#include "tessera/nn/norm.h"
#include "tessera/ops/elementwise.h"

namespace tessera::models {

template <typename Block, typename Config>
class Decoder : public LanguageModel {
 public:
  Decoder(ModelSummary summary, const Config& c, const ModelSource& source, const nn::LoadOptions& options)
      : parameters_(source.find, options),
        root_(parameters_, source.prefix),
        summary_(std::move(summary)),
        rope_(c.rope, c.rotary_layout),
        embed_(model_ / "embed_tokens", c.vocab, c.hidden),
        blocks_(Blocks(model_ / "layers", c, rope_)),
        norm_(model_ / "norm", c.hidden, c.norm_eps),
        head_(c.tied ? model_ / "embed_tokens" : root_ / "lm_head", {.in = c.hidden, .out = c.vocab}) {}

  const ModelSummary& summary() const override { return summary_; }
  nn::Parameters& parameters() override { return parameters_; }

  Tensor Embed(const Tensor& ids) const override { return embed_(ids); }

  Tensor Hidden(const Tensor& x, const nn::Context& context, const LayerObserver& observer) const override {
    nn::CheckContext(context, x.dim(0), summary_.layers());
    const nn::RotaryTables rotary = rope_.Tables(context).To(summary_.device);
    const nn::Context full = nn::OnDevice(context, summary_.device);
    nn::Context sliding = full;
    const bool narrows = nn::WantsFewer(context) && summary_.device == Device::kCpu;
    nn::Sum y{x};
    for (size_t i = 0; i < blocks_.size(); ++i) {
      sliding.pattern.window = summary_.kv[i].window;
      const nn::Context& pass = summary_.kv[i].window > 0 ? sliding : full;
      std::optional<nn::WantedRows> wanted;
      if (narrows && i + 1 == blocks_.size()) wanted.emplace(pass, rotary);
      y = blocks_[i](y, {.pass = pass, .rotary = rotary, .wanted = wanted ? &*wanted : nullptr});
      if (observer) observer(static_cast<int64_t>(i), y.Value());
      if (context.after_layer) context.after_layer(static_cast<int64_t>(i));
    }
    const Tensor hidden = norm_(y).norm;
    return narrows ? hidden : nn::WantedOf(hidden, context);
  }

  Tensor Logits(const Tensor& hidden) const override {
    // A GPU's products of bf16 lose nothing; written in f32 they need not be read so.
    const Tensor logits = hidden.on_gpu() ? head_.InF32(hidden) : head_(ops::Cast(hidden, DType::kF32));
    RequireMappingsIntact();  // weights that were cut off while mapped have read as zeros
    return logits;
  }

 private:
  static std::vector<Block> Blocks(const nn::Scope& s, const Config& c, const nn::Rope& rope) {
    std::vector<Block> blocks;
    for (int64_t layer = 0; layer < c.layers; ++layer) blocks.emplace_back(s / layer, c, rope, layer);
    return blocks;
  }

  nn::Parameters parameters_;
  nn::Scope root_, model_ = root_ / "model";
  ModelSummary summary_;
  nn::Rope rope_;
  nn::Embedding embed_;
  std::vector<Block> blocks_;
  nn::RmsNorm norm_;
  nn::Linear head_;
};

}  // namespace tessera::models
