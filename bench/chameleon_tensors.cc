#include "bench/chameleon_tensors.h"

#include <fmt/format.h>

#include <cmath>

#include "tessera/models/vqgan.h"

namespace tessera::bench {
namespace {

class VqTensors {
 public:
  VqTensors(const models::VqGanConfig& config, std::vector<ModelTensor>& tensors) : c_(config), tensors_(tensors) {}

  void AddAll() {
    Encoder();
    Convolution("quant_conv", c_.latent, c_.width, 1);
    tensors_.push_back({kPrefix + std::string("quantize.embedding.weight"), {c_.codes, c_.width}, 0, 1});
    Convolution("post_quant_conv", c_.width, c_.latent, 1);
    Decoder();
  }

 private:
  static constexpr char kPrefix[] = "model.vqmodel.";
  const models::VqGanConfig& c_;
  std::vector<ModelTensor>& tensors_;

  void Convolution(const std::string& name, int64_t in, int64_t out, int64_t kernel) {
    const float deviation = 1 / std::sqrt(static_cast<float>(in * kernel * kernel));
    tensors_.push_back({kPrefix + name + ".weight", {out, in, kernel, kernel}, 0, deviation});
    tensors_.push_back({kPrefix + name + ".bias", {out}, 0, 0.02f});
  }
  void Norm(const std::string& name, int64_t channels) {
    tensors_.push_back({kPrefix + name + ".weight", {channels}, 1, 0.1f});
    tensors_.push_back({kPrefix + name + ".bias", {channels}, 0, 0.02f});
  }
  void Block(const std::string& name, int64_t in, int64_t out) {
    Norm(name + ".norm1", in);
    Convolution(name + ".conv1", in, out, 3);
    Norm(name + ".norm2", out);
    Convolution(name + ".conv2", out, out, 3);
    if (in != out) Convolution(name + ".nin_shortcut", in, out, 1);
  }
  void Middle(const std::string& name, int64_t channels) {
    Block(name + ".block_1", channels, channels);
    Norm(name + ".attn_1.norm", channels);
    for (const char* part : {"q", "k", "v", "proj_out"}) Convolution(name + ".attn_1." + part, channels, channels, 1);
    Block(name + ".block_2", channels, channels);
  }
  void Encoder() {
    Convolution("encoder.conv_in", 3, c_.channels, 3);
    int64_t in = c_.channels;
    for (size_t level = 0; level < c_.multipliers.size(); ++level) {
      const int64_t out = c_.channels * c_.multipliers[level];
      for (int64_t i = 0; i < c_.blocks; ++i)
        Block(fmt::format("encoder.down.{}.block.{}", level, i), i == 0 ? in : out, out);
      if (level + 1 < c_.multipliers.size())
        Convolution(fmt::format("encoder.down.{}.downsample.conv", level), out, out, 3);
      in = out;
    }
    Middle("encoder.mid", in);
    Norm("encoder.norm_out", in);
    Convolution("encoder.conv_out", in, c_.latent, 3);
  }
  void Decoder() {
    int64_t in = c_.channels * c_.multipliers.back();
    Convolution("decoder.conv_in", c_.latent, in, 3);
    Middle("decoder.mid", in);
    for (size_t level = c_.multipliers.size(); level-- > 0;) {
      const int64_t out = c_.channels * c_.multipliers[level];
      for (int64_t i = 0; i <= c_.blocks; ++i)
        Block(fmt::format("decoder.up.{}.block.{}", level, i), i == 0 ? in : out, out);
      if (level > 0) Convolution(fmt::format("decoder.up.{}.upsample.conv", level), out, out, 3);
      in = out;
    }
    Norm("decoder.norm_out", in);
    Convolution("decoder.conv_out", in, 3, 3);
  }
};

}  // namespace

void AddChameleonTensors(const Json& config, std::vector<ModelTensor>& tensors) {
  const int64_t heads = config["num_attention_heads"].get<int64_t>(), width = config["hidden_size"].get<int64_t>();
  const int64_t kv_heads = config.value("num_key_value_heads", heads), size = config.value("head_dim", width / heads);
  for (int64_t i = 0; i < config["num_hidden_layers"].get<int64_t>(); ++i) {
    for (const auto& [name, rows] : {std::pair("q_norm", heads), std::pair("k_norm", kv_heads)}) {
      const std::string prefix = fmt::format("model.layers.{}.self_attn.{}", i, name);
      tensors.push_back({prefix + ".weight", {rows, size}, 1, 0.1f});
      tensors.push_back({prefix + ".bias", {rows, size}, 0, 0.02f});
    }
  }
  const models::VqGanConfig vq = models::ReadVqConfig(config.value("vq_config", Json()));
  VqTensors(vq, tensors).AddAll();
}

std::string ImageTokenName(int64_t code) {
  std::string name = "IMGIMG";
  for (const char digit : std::to_string(code)) name += static_cast<char>('A' + (digit - '0'));
  return name + "Z";
}

Json WithVocabularyMap(Json config, const std::vector<std::string>& pieces) {
  Json map = Json::object();
  for (size_t id = 0; id < pieces.size(); ++id) map[pieces[id]] = id;
  config["vocabulary_map"] = std::move(map);
  return config;
}

}  // namespace tessera::bench
