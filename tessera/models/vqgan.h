#pragma once
// The image tokenizer of Chameleon: a VQ-GAN (Esser, Rombach & Ommer 2021, "Taming Transformers for High-Resolution
// Image Synthesis") makes a picture a square of codes, and codes a picture.
//
//   VqEncoder encoder(config, find, "model.vqmodel.");                // Hugging Face's names
//   VqDecoder decoder(config, find_in_vqgan_file, "");                // the release's names
//   Tensor codes = encoder.Codes(pixels);                             // f32 [B, S, S, 3] in -1 … 1 -> i64 [B, N]
//   Tensor again = decoder.Pixels(codes);                             // f32 [B, S, S, 3]
//
// Both compute in f32 whatever the file holds: one code in a hundred would change in bfloat16.

#include <memory>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/tensor.h"
#include "tessera/nn/parameters.h"

namespace tessera::models {

struct VqGanConfig {
  int64_t channels = 128;                              // of the first level
  std::vector<int64_t> multipliers = {1, 1, 2, 2, 4};  // a level each: its channels in units of those
  int64_t blocks = 2;                                  // of a level
  int64_t latent = 256;                                // channels behind the encoder
  int64_t width = 256;                                 // of a code
  int64_t codes = 8192;                                // N
  int64_t resolution = 512;                            // S: pictures are S x S
  std::vector<int64_t> attention = {};                 // sides of a picture at which levels attend

  // s = S / 2^(levels - 1): a picture is s x s codes.
  int64_t side() const { return resolution >> (multipliers.size() - 1); }
  int64_t tokens() const { return side() * side(); }
};

// The "vq_config" of a Chameleon at Hugging Face. Throws Error for a missing or impossible value; names the key.
VqGanConfig ReadVqConfig(const Json& vq_config);
// The release's vqgan.yaml as JSON (weights/plain_yaml.h): model.params with embed_dim, n_embed and ddconfig.
VqGanConfig ReadVqGanYaml(const Json& yaml);

class VqEncoder {
 public:
  // Tensors are "encoder.…", "quant_conv.…" and "quantize.embedding.weight" behind the prefix. Throws Error that names
  // one that is missing or of another shape than the config asks for.
  VqEncoder(const VqGanConfig& config, const nn::Parameters::Find& find, const std::string& prefix);
  ~VqEncoder();

  const VqGanConfig& config() const;
  // What is quantised: pixels f32 [B, S, S, 3] -> [B, s, s, width].
  Tensor Latents(const Tensor& pixels) const;
  // The nearest codes in raster order: i64 [B, s · s]. A picture's codes do not depend on its company.
  Tensor Codes(const Tensor& pixels) const;

 private:
  struct Net;
  std::unique_ptr<Net> net_;
};

class VqDecoder {
 public:
  // Tensors are "decoder.…", "post_quant_conv.…" and "quantize.embedding.weight" behind the prefix. Throws as
  // VqEncoder.
  VqDecoder(const VqGanConfig& config, const nn::Parameters::Find& find, const std::string& prefix);
  ~VqDecoder();

  const VqGanConfig& config() const;
  // codes i64 [B, s · s], each in 0 … N - 1 -> f32 [B, S, S, 3], about -1 … 1. Throws Error for another shape or code.
  Tensor Pixels(const Tensor& codes) const;

 private:
  struct Net;
  std::unique_ptr<Net> net_;
};

}  // namespace tessera::models
