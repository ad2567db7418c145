#include "tessera/models/chameleon.h"

#include <algorithm>
#include <array>
#include <optional>

#include "tessera/models/chameleon_pictures.h"
#include "tessera/models/chameleon_vocabulary.h"
#include "tessera/models/config_reader.h"
#include "tessera/models/decoder.h"
#include "tessera/models/picture_tokens.h"
#include "tessera/models/vqgan.h"
#include "tessera/models/vqgan_files.h"
#include "tessera/nn/swiglu.h"
#include "tessera/ops/view.h"

namespace tessera::models {
namespace {

constexpr float kQkNormEps = 1e-5f;  // whatever rms_norm_eps says
constexpr char kVqPrefix[] = "model.vqmodel.";

struct ChameleonConfig : DecoderConfig {
  bool attention_bias, mlp_bias, swin_norm;

  explicit ChameleonConfig(const ModelSource& source)
      : DecoderConfig(ReadDecoderConfig(source)),
        attention_bias(ConfigReader(source.config).Flag("attention_bias", false)),
        mlp_bias(ConfigReader(source.config).Flag("mlp_bias", false)),
        swin_norm(ConfigReader(source.config).Flag("swin_norm", false)) {}
};

struct HeadNorm {  // y = LN(x) ∘ w_h + b_h: every head's D values by themselves, with weights of their own
  nn::Parameter weight, bias;
  Tensor ones, zeros;

  HeadNorm(const nn::Scope& s, int64_t heads, int64_t head_dim)
      : weight(s.Vector("weight", {heads, head_dim})),
        bias(s.Vector("bias", {heads, head_dim})),
        ones(Tensor::Full({head_dim}, 1, s.options().activations)),
        zeros(Tensor::Zeros({head_dim}, s.options().activations)) {}

  Tensor operator()(const Tensor& x) const {  // [T, H, D] -> [T, H, D]
    return ops::Add(ops::Mul(ops::LayerNorm(x, ones, zeros, kQkNormEps), *weight), *bias);
  }
};

struct ChameleonAttention {  // y = W_o softmax(rope(LN(W_q x)) rope(LN(W_k x))ᵀ / √D + mask) W_v x
  int64_t H, G, D, layer;
  nn::Rope rope;
  nn::Linear q_proj, k_proj, v_proj, o_proj;
  HeadNorm q_norm, k_norm;

  ChameleonAttention(const nn::Scope& s, const ChameleonConfig& c, const nn::Rope& rotary, int64_t index)
      : H(c.heads),
        G(c.kv_heads),
        D(c.head_dim),
        layer(index),
        rope(rotary),
        q_proj(s / "q_proj", {.in = c.hidden, .out = H * D, .bias = c.attention_bias}),
        k_proj(s / "k_proj", {.in = c.hidden, .out = G * D, .bias = c.attention_bias}),
        v_proj(s / "v_proj", {.in = c.hidden, .out = G * D, .bias = c.attention_bias}),
        o_proj(s / "o_proj", {.in = H * D, .out = c.hidden, .bias = c.attention_bias}),
        q_norm(s / "q_norm", H, D),
        k_norm(s / "k_norm", G, D) {}

  Tensor operator()(const Tensor& x, const nn::LayerContext& context) const {
    const int64_t T = x.dim(0);
    const auto [xq, xk, xv] = nn::ProjectQkv(x, q_proj, k_proj, v_proj, context);
    const int64_t M = xq.dim(0);
    const Tensor q = rope.Turn(q_norm(ops::Reshape(xq, {M, H, D})), context.query_rotary());
    const Tensor k = rope.Turn(k_norm(ops::Reshape(xk, {T, G, D})), context.rotary);
    const Tensor o = nn::AttendInContext(q, k, ops::Reshape(xv, {T, G, D}), context.queries(), layer);
    return o_proj(ops::Reshape(o, {M, H * D}));
  }
};

struct ChameleonBlock {  // h = x + Attention(Norm(x)), y = h + SwiGLU(Norm(h));  34B: h = x + Norm(Attention(x)), …
  bool norm_behind;
  nn::RmsNorm attention_norm;
  ChameleonAttention attention;
  nn::RmsNorm ffn_norm;
  nn::SwiGlu ffn;

  ChameleonBlock(const nn::Scope& s, const ChameleonConfig& c, const nn::Rope& rope, int64_t layer)
      : norm_behind(c.swin_norm),
        attention_norm(s / "input_layernorm", c.hidden, c.norm_eps),
        attention(s / "self_attn", c, rope, layer),
        ffn_norm(s / "post_attention_layernorm", c.hidden, c.norm_eps),
        ffn(s / "mlp", {.in = c.hidden, .hidden = c.ffn, .bias = c.mlp_bias}) {}

  nn::Sum operator()(const nn::Sum& sum, const nn::LayerContext& context) const {  // [T, C] -> [M, C]
    if (norm_behind) {
      const Tensor x = sum.Value();
      const Tensor h = ops::Add(context.Wanted(x), attention_norm(attention(x, context)));
      return {h, ffn_norm(ffn(h))};
    }
    const auto [x, normed] = attention_norm(sum);
    const auto [h, ffn_in] = ffn_norm(nn::Sum{context.Wanted(x), attention(normed, context)});
    return {h, ffn(ffn_in)};
  }
};

// The configuration of pictures: what of it needs no weights.
struct PictureConfig {
  VqGanConfig vq;
  PictureVocabulary vocabulary;
  int64_t placeholder;

  explicit PictureConfig(const ModelSource& source) : vq(ReadVqConfig(Section(source.config, "vq_config"))) {
    const ConfigReader reader(source.config);
    vocabulary = ReadPictureVocabulary(Section(source.config, "vocabulary_map"), reader.Size("vocab_size"),
                                       {.codes = vq.codes, .per_picture = vq.tokens()});
    placeholder = reader.Has("image_token_id") ? reader.Count("image_token_id", 0) : 8711;  // as released
  }

  static const Json& Section(const Json& config, const char* key) {
    Require(config.is_object() && config.contains(key) && config[key].is_object(),
            "config: \"{}\" is missing; a Chameleon's config.json has it", key);
    return config[key];
  }
};

class ChameleonProcessor : public virtual VisionProcessor {
 public:
  explicit ChameleonProcessor(PictureConfig config) : config_(std::move(config)) {}

  Tensor Shown(const Tensor& picture) const override { return SquarePicture(picture, config_.vq.resolution); }
  // The pixels as they lie, cut into as many rows as there are codes.
  VisionInput Prepare(const Tensor& picture) const override {
    const int64_t side = config_.vq.side(), S = config_.vq.resolution;
    return {.patches = ToPixels(Shown(picture)).Reshape({side * side, patch_width()}),
            .grid = {1, side, side},
            .seen = {.original = image::SizeOf(picture, "vision"), .encoded = {S, S}}};
  }
  int64_t patch_width() const override {
    return 3 * config_.vq.resolution * config_.vq.resolution / config_.vq.tokens();
  }
  // Those of its codes, and the two around them.
  int64_t Tokens(const image::PatchGrid& grid) const override {
    Require(grid.t == 1 && grid.h == config_.vq.side() && grid.w == config_.vq.side(),
            "vision: a grid of {} x {} x {}; every picture has 1 x {} x {}", grid.t, grid.h, grid.w, config_.vq.side(),
            config_.vq.side());
    return config_.vq.tokens() + 2;
  }
  int64_t Placeholder(VisionKind kind) const override { return kind == VisionKind::kImage ? config_.placeholder : -1; }
  Tensor Positions(int64_t, std::span<const VisionPlace>, std::span<const VisionInput>) const override { return {}; }
  image::PointConvention points() const override { return image::PointConvention::kEncoderPixels; }
  bool early_fusion() const override { return true; }

 protected:
  const PictureConfig& config() const { return config_; }

 private:
  PictureConfig config_;
};

class Chameleon : public Decoder<ChameleonBlock, ChameleonConfig>,
                  public ChameleonProcessor,
                  public VisionEncoder,
                  public PictureTokens {
 public:
  Chameleon(ModelSummary summary, const ChameleonConfig& c, const ModelSource& source, const nn::LoadOptions& options)
      : Decoder(std::move(summary), c, source, options), ChameleonProcessor(PictureConfig(source)) {
    const VqGanConfig& vq = config().vq;
    const auto stored = [&](const char* part) {
      return source.find(std::string(kVqPrefix) + part + ".conv_in.weight").defined();
    };
    std::optional<VqGanFiles> released;
    if (!stored("encoder") || !stored("decoder")) released = VqGanFiles::Find(source.folder / "tokenizer");
    Require(!released || (released->config.codes == vq.codes && released->config.tokens() == vq.tokens()),
            "tokenizer/vqgan.yaml: {} codes, {} a picture; the model's config says {} and {}",
            released ? released->config.codes : 0, released ? released->config.tokens() : 0, vq.codes, vq.tokens());
    if (stored("encoder") || !released)
      encoder_.emplace(vq, source.find, kVqPrefix);
    else
      encoder_.emplace(released->config, released->Finder(), "");
    if (stored("decoder"))
      decoder_.emplace(vq, source.find, kVqPrefix);
    else if (released)
      decoder_.emplace(released->config, released->Finder(), "");
  }

  const VisionEncoder* vision() const override { return this; }
  const PictureTokens* picture_tokens() const override { return this; }

  std::vector<int64_t> Expansion(const VisionInput& input) const override {
    const int64_t S = config().vq.resolution;
    Tokens(input.grid);
    Require(input.patches.defined() && input.patches.numel() == S * S * 3,
            "vision: a picture must have {} x {} pixels of 3 colours", S, S);
    const Tensor codes = encoder_->Codes(input.patches.Reshape({1, S, S, 3}));
    std::vector<int64_t> ids{vocabulary().begin};
    for (const int64_t code : codes.data<int64_t>()) ids.push_back(vocabulary().image[static_cast<size_t>(code)]);
    ids.push_back(vocabulary().end);
    return ids;
  }

  Tensor Encode(std::span<const VisionInput> inputs, const VisionObserver&) const override {
    std::vector<int64_t> all;
    for (const VisionInput& input : inputs) std::ranges::copy(Expansion(input), std::back_inserter(all));
    return Embed(Tensor::From(all, {std::ssize(all)}));
  }

  const PictureVocabulary& vocabulary() const override { return config().vocabulary; }
  bool can_draw() const override { return decoder_.has_value(); }

  Tensor Draw(std::span<const int32_t> ids) const override {
    Require(can_draw(),
            "the checkpoint has no decoder for pictures; put tokenizer/vqgan.ckpt and tokenizer/vqgan.yaml of the "
            "release into its folder");
    const PictureVocabulary& v = vocabulary();
    Require(!ids.empty() && std::ssize(ids) <= v.per_picture, "picture: {} ids, 1 to {} are one", ids.size(),
            v.per_picture);
    std::vector<int64_t> codes;
    for (const int32_t id : ids) {
      const auto at = std::ranges::find(v.image, id);
      Require(at != v.image.end(), "picture: token {} is no image code", id);
      codes.push_back(at - v.image.begin());
    }
    codes.resize(static_cast<size_t>(v.per_picture), codes[0]);
    return FromPixels(decoder_->Pixels(Tensor::From(codes, {1, v.per_picture})));
  }

 private:
  std::optional<VqEncoder> encoder_;
  std::optional<VqDecoder> decoder_;
};

}  // namespace

std::unique_ptr<LanguageModel> LoadChameleon(const ModelSource& source, const nn::LoadOptions& options) {
  const ChameleonConfig c(source);
  auto summary = Summarize("chameleon", c, source, std::vector<int64_t>(static_cast<size_t>(c.layers), 0), options);
  return std::make_unique<Chameleon>(std::move(summary), c, source, options);
}

std::unique_ptr<VisionProcessor> ChameleonPictures(const ModelSource& source) {
  return std::make_unique<ChameleonProcessor>(PictureConfig(source));
}

}  // namespace tessera::models
