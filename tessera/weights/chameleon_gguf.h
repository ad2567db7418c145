#pragma once
// Chameleon's own part of a GGUF file, besides what it shares with Llama:
//
//   chameleon.swin_norm                 norms behind the blocks; as llama.cpp writes it
//   tessera.image_token_id              the placeholder of a picture
//   tessera.vq.*                        the image tokenizer's sizes, as "vq_config" of config.json has them
//   vq.encoder.…, vq.decoder.…, vq.quantize.embedding.weight, vq.quant_conv.…, vq.post_quant_conv.…
//
// Which tokens are image codes is read from the names of the vocabulary.

#include <functional>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/gguf_writer.h"

namespace tessera::weights {

// Whether a config's model_type is Chameleon's or that of Anole, which is the same model.
bool IsChameleon(const Json& config);

// Throws Error for sizes that are not whole numbers.
void WriteChameleonKeys(const Json& config, GgufWriter& writer);
// The way back: swin_norm, image_token_id, vq_config and vocabulary_map. A file without the keys of the image tokenizer
// gets the sizes of the released models.
void AddChameleonKeys(const GgufFile& file, Json& config);

// A tensor of the image tokenizer, under the name that GGUF files have for it. Its dtype stays.
struct PictureTensor {
  std::string name;
  Shape shape;
  DType dtype;
  std::function<Tensor()> values;
};
// Those of a checkpoint, and what it lacks from tokenizer/vqgan.safetensors or vqgan.ckpt in its folder: published
// checkpoints of Hugging Face have no decoder. The code vectors are the release's where the decoder is. Training's
// tensors ("loss.…") are left out. The results keep their files open.
std::vector<PictureTensor> PictureTensors(const Checkpoint& checkpoint);

// Whether `name` is one of a checkpoint's image tokenizer.
bool IsPictureTensor(std::string_view name);

}  // namespace tessera::weights
