#include "tessera/models/vqgan.h"

#include <algorithm>
#include <utility>

#include "tessera/models/config_reader.h"
#include "tessera/nn/convolution.h"
#include "tessera/ops/attention.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/embedding.h"
#include "tessera/ops/nearest_code.h"
#include "tessera/ops/upsample.h"
#include "tessera/ops/view.h"

namespace tessera::models {
namespace {

using nn::Convolution;
using nn::GroupNorm;
using nn::Scope;

const nn::LoadOptions kSingle{.weights = DType::kF32, .activations = DType::kF32};
constexpr int64_t kMaxLevels = 12, kMaxBlocks = 64, kMaxSide = 4096, kMaxWidth = 65536;

void Check(const VqGanConfig& c) {
  Require(!c.multipliers.empty() && std::ssize(c.multipliers) <= kMaxLevels && c.blocks <= kMaxBlocks,
          "vqgan: {} levels of {} blocks; 1 to {} levels of at most {} are possible", c.multipliers.size(), c.blocks,
          kMaxLevels, kMaxBlocks);
  Require(c.channels <= kMaxWidth && c.latent <= kMaxWidth && c.width <= kMaxWidth,
          "vqgan: {} channels, {} behind the encoder, codes of {}; the limit is {}", c.channels, c.latent, c.width,
          kMaxWidth);
  for (const int64_t multiplier : c.multipliers) {
    Require(
        multiplier >= 1 && multiplier <= kMaxWidth && c.channels * multiplier <= kMaxWidth &&
            c.channels * multiplier % 32 == 0,
        "vqgan: {} times {} channels; it must be a multiple of 32, the number of groups that are normalised, up to {}",
        multiplier, c.channels, kMaxWidth);
  }
  Require(c.resolution <= kMaxSide && c.side() >= 1 && c.side() << (c.multipliers.size() - 1) == c.resolution,
          "vqgan: a resolution of {} must be at most {} and divide by two {} times", c.resolution, kMaxSide,
          c.multipliers.size() - 1);
}

nn::ConvolutionShape Pointwise(int64_t in, int64_t out) { return {.in = in, .out = out, .kernel = 1, .window = {}}; }

Tensor Swish(const Tensor& x) { return ops::Silu(x); }

// x through one part after the other. A picture is 128 MiB at its widest; in one expression all of them would live to
// its end, and their memory could not be used again.
template <class... Parts>
Tensor Through(Tensor x, const Parts&... parts) {
  ((x = parts(x)), ...);
  return x;
}

struct ResidualBlock {  // h = Conv(swish(GN(x)));  y = x' + Conv(swish(GN(h))),  x' = x, or 1 x 1 of it
  GroupNorm norm1;
  Convolution conv1;
  GroupNorm norm2;
  Convolution conv2;
  std::vector<Convolution> shortcut;

  ResidualBlock(const Scope& s, int64_t in, int64_t out)
      : norm1(s / "norm1", in),
        conv1(s / "conv1", {.in = in, .out = out}),
        norm2(s / "norm2", out),
        conv2(s / "conv2", {.in = out, .out = out}) {
    if (in != out) shortcut.emplace_back(s / "nin_shortcut", Pointwise(in, out));
  }
  Tensor operator()(const Tensor& x) const {
    const Tensor h = Through(x, norm1, Swish, conv1, norm2, Swish, conv2);
    return ops::Add(shortcut.empty() ? x : shortcut[0](x), h);
  }
};

struct AttentionBlock {  // y = x + W softmax(q kᵀ / √C) v over the places of a picture, one head
  GroupNorm norm;
  Convolution q, k, v, proj_out;

  AttentionBlock(const Scope& s, int64_t channels)
      : norm(s / "norm", channels),
        q(s / "q", Pointwise(channels, channels)),
        k(s / "k", Pointwise(channels, channels)),
        v(s / "v", Pointwise(channels, channels)),
        proj_out(s / "proj_out", Pointwise(channels, channels)) {}
  Tensor operator()(const Tensor& x) const {
    const int64_t B = x.dim(0), places = x.dim(1) * x.dim(2), C = x.dim(3);
    ops::AttentionPattern pattern{.causal = false};
    pattern.sequences.assign(static_cast<size_t>(B), {.query_count = places, .key_count = places});
    const Tensor h = norm(x);
    const auto head = [&](const Tensor& values) { return ops::Reshape(values, {B * places, 1, C}); };
    const Tensor o = ops::Attend(head(q(h)), head(k(h)), head(v(h)), pattern);
    return ops::Add(x, proj_out(ops::Reshape(o, x.shape())));
  }
};

struct Level {  // residual blocks, each followed by attention where the config asks for it
  std::vector<ResidualBlock> blocks;
  std::vector<AttentionBlock> attention;
  std::vector<Convolution> resample;  // none, or one

  Level(const Scope& s, int64_t in, int64_t out, int64_t count, bool attends) {
    for (int64_t i = 0; i < count; ++i) {
      blocks.emplace_back(s / "block" / i, i == 0 ? in : out, out);
      if (attends) attention.emplace_back(s / "attn" / i, out);
    }
  }
  Tensor operator()(Tensor x) const {
    for (size_t i = 0; i < blocks.size(); ++i) {
      x = blocks[i](x);
      if (!attention.empty()) x = attention[i](x);
    }
    return x;
  }
};

struct Middle {
  ResidualBlock block_1;
  AttentionBlock attn_1;
  ResidualBlock block_2;

  Middle(const Scope& s, int64_t channels)
      : block_1(s / "block_1", channels, channels),
        attn_1(s / "attn_1", channels),
        block_2(s / "block_2", channels, channels) {}
  Tensor operator()(const Tensor& x) const { return block_2(attn_1(block_1(x))); }
};

bool Attends(const VqGanConfig& c, size_t level) {
  return std::ranges::find(c.attention, c.resolution >> level) != c.attention.end();
}

// Downwards, the right and lower border get the zeros that stride 2 needs.
constexpr ops::ConvolutionWindow kHalve{.stride = 2, .bottom = 1, .right = 1};

}  // namespace

VqGanConfig ReadVqConfig(const Json& vq_config) {
  const ConfigReader reader(vq_config);
  VqGanConfig c;
  c.channels = reader.Size("base_channels", c.channels);
  c.multipliers = reader.Counts("channel_multiplier", c.multipliers);
  c.blocks = reader.Size("num_res_blocks", c.blocks);
  c.latent = reader.Size("latent_channels", c.latent);
  c.width = reader.Size("embed_dim", c.width);
  c.codes = reader.Size("num_embeddings", c.codes);
  c.resolution = reader.Size("resolution", c.resolution);
  c.attention = reader.Counts("attn_resolutions", {});
  Require(reader.Size("in_channels", 3) == 3 && !reader.Flag("double_latent", false) &&
              reader.Text("attn_type", "vanilla") == "vanilla",
          "config: a \"vq_config\" must have 3 \"in_channels\", no \"double_latent\" and \"attn_type\" vanilla");
  Check(c);
  return c;
}

VqGanConfig ReadVqGanYaml(const Json& yaml) {
  const auto part = [](const Json& parent, const char* key) -> const Json& {
    Require(parent.is_object() && parent.contains(key) && parent[key].is_object(), "vqgan: there is no \"{}\"", key);
    return parent[key];
  };
  const Json& params = part(part(yaml, "model"), "params");
  const ConfigReader codes(params), reader(part(params, "ddconfig"));
  VqGanConfig c;
  c.width = codes.Size("embed_dim");
  c.codes = codes.Size("n_embed");
  c.channels = reader.Size("ch");
  c.multipliers = reader.Counts("ch_mult", {});
  c.blocks = reader.Size("num_res_blocks");
  c.latent = reader.Size("z_channels");
  c.resolution = reader.Size("resolution");
  c.attention = reader.Counts("attn_resolutions", {});
  Require(reader.Size("in_channels", 3) == 3 && reader.Size("out_ch", 3) == 3 && !reader.Flag("double_z", false),
          "vqgan: \"ddconfig\" must have 3 \"in_channels\" and \"out_ch\", and no \"double_z\"");
  Check(c);
  return c;
}

struct VqEncoder::Net {
  VqGanConfig config;
  nn::Parameters parameters;
  Scope root;
  Convolution conv_in;
  std::vector<Level> down;
  Middle mid;
  GroupNorm norm_out;
  Convolution conv_out, quant_conv;
  nn::Parameter table;

  int64_t deepest() const { return config.channels * config.multipliers.back(); }

  Net(const VqGanConfig& c, const nn::Parameters::Find& find, const std::string& prefix)
      : config(c),
        parameters([=](const std::string& name) { return find(prefix + name); }, kSingle),
        root(parameters, "encoder"),
        conv_in(root / "conv_in", {.in = 3, .out = c.channels}),
        down(Down()),
        mid(root / "mid", deepest()),
        norm_out(root / "norm_out", deepest()),
        conv_out(root / "conv_out", {.in = deepest(), .out = c.latent}),
        quant_conv(Scope(parameters, "quant_conv"), Pointwise(c.latent, c.width)),
        table(Scope(parameters, "quantize.embedding").Table("weight", {c.codes, c.width})) {}

  std::vector<Level> Down() const {
    std::vector<Level> levels;
    int64_t in = config.channels;
    for (size_t i = 0; i < config.multipliers.size(); ++i) {
      const Scope s = root / "down" / static_cast<int64_t>(i);
      const int64_t out = config.channels * config.multipliers[i];
      Level& level = levels.emplace_back(s, in, out, config.blocks, Attends(config, i));
      if (i + 1 < config.multipliers.size())
        level.resample.emplace_back(s / "downsample" / "conv",
                                    nn::ConvolutionShape{.in = out, .out = out, .window = kHalve});
      in = out;
    }
    return levels;
  }
};

VqEncoder::VqEncoder(const VqGanConfig& config, const nn::Parameters::Find& find, const std::string& prefix)
    : net_(std::make_unique<Net>(config, find, prefix)) {}
VqEncoder::~VqEncoder() = default;
const VqGanConfig& VqEncoder::config() const { return net_->config; }

Tensor VqEncoder::Latents(const Tensor& pixels) const {
  const int64_t S = net_->config.resolution;
  Require(pixels.defined() && pixels.dtype() == DType::kF32 && pixels.rank() == 4 && pixels.dim(1) == S &&
              pixels.dim(2) == S && pixels.dim(3) == 3,
          "vqgan: pixels must be f32 [B, {}, {}, 3]", S, S);
  Tensor x = net_->conv_in(pixels);
  for (const Level& level : net_->down) {
    x = level(x);
    if (!level.resample.empty()) x = level.resample[0](x);
  }
  return Through(std::move(x), net_->mid, net_->norm_out, Swish, net_->conv_out, net_->quant_conv);
}

Tensor VqEncoder::Codes(const Tensor& pixels) const {
  const Tensor z = Latents(pixels);
  const int64_t tokens = net_->config.tokens();
  return ops::NearestCode(z.Reshape({z.dim(0) * tokens, z.dim(3)}), *net_->table).Reshape({z.dim(0), tokens});
}

struct VqDecoder::Net {
  VqGanConfig config;
  nn::Parameters parameters;
  Scope root;
  nn::Parameter table;
  Convolution post_quant_conv, conv_in;
  Middle mid;
  std::vector<Level> up;  // the deepest first
  GroupNorm norm_out;
  Convolution conv_out;

  int64_t deepest() const { return config.channels * config.multipliers.back(); }
  int64_t shallowest() const { return config.channels * config.multipliers.front(); }

  Net(const VqGanConfig& c, const nn::Parameters::Find& find, const std::string& prefix)
      : config(c),
        parameters([=](const std::string& name) { return find(prefix + name); }, kSingle),
        root(parameters, "decoder"),
        table(Scope(parameters, "quantize.embedding").Table("weight", {c.codes, c.width})),
        post_quant_conv(Scope(parameters, "post_quant_conv"), Pointwise(c.width, c.latent)),
        conv_in(root / "conv_in", {.in = c.latent, .out = deepest()}),
        mid(root / "mid", deepest()),
        up(Up()),
        norm_out(root / "norm_out", shallowest()),
        conv_out(root / "conv_out", {.in = shallowest(), .out = 3}) {}

  std::vector<Level> Up() const {
    std::vector<Level> levels;
    int64_t in = deepest();
    for (size_t i = config.multipliers.size(); i-- > 0;) {
      const Scope s = root / "up" / static_cast<int64_t>(i);
      const int64_t out = config.channels * config.multipliers[i];
      Level& level = levels.emplace_back(s, in, out, config.blocks + 1, Attends(config, i));
      if (i > 0) level.resample.emplace_back(s / "upsample" / "conv", nn::ConvolutionShape{.in = out, .out = out});
      in = out;
    }
    return levels;
  }
};

VqDecoder::VqDecoder(const VqGanConfig& config, const nn::Parameters::Find& find, const std::string& prefix)
    : net_(std::make_unique<Net>(config, find, prefix)) {}
VqDecoder::~VqDecoder() = default;
const VqGanConfig& VqDecoder::config() const { return net_->config; }

Tensor VqDecoder::Pixels(const Tensor& codes) const {
  const int64_t side = net_->config.side(), tokens = net_->config.tokens();
  Require(codes.defined() && codes.dtype() == DType::kI64 && codes.rank() == 2 && codes.dim(1) == tokens,
          "vqgan: codes must be i64 [B, {}]", tokens);
  const Tensor z = ops::Embedding(*net_->table, codes.Reshape({codes.numel()}));
  Tensor x = net_->post_quant_conv(ops::Reshape(z, {codes.dim(0), side, side, net_->config.width}));
  x = net_->mid(net_->conv_in(x));
  for (const Level& level : net_->up) {
    x = level(x);
    if (level.resample.empty()) continue;
    x = ops::UpsampleNearest(x, 2);
    x = level.resample[0](x);
  }
  return Through(std::move(x), net_->norm_out, Swish, net_->conv_out);
}

}  // namespace tessera::models
