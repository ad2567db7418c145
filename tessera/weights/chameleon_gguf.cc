#include "tessera/weights/chameleon_gguf.h"

#include <algorithm>
#include <memory>
#include <string_view>

#include "tessera/core/checked.h"
#include "tessera/core/json_text.h"
#include "tessera/weights/pytorch_file.h"
#include "tessera/weights/safetensors.h"

namespace tessera::weights {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kInCheckpoint = "model.vqmodel.", kInGguf = "vq.";
constexpr std::string_view kCodes = "quantize.embedding.weight";
constexpr const char* kSizes[] = {"base_channels", "num_res_blocks", "latent_channels",
                                  "embed_dim",     "num_embeddings", "resolution"};
constexpr const char* kLists[] = {"channel_multiplier", "attn_resolutions"};

std::string KeyOf(const char* name) { return fmt::format("tessera.vq.{}", name); }

bool IsPart(std::string_view name) {
  constexpr std::string_view kParts[] = {"encoder.", "decoder.", kCodes, "quant_conv.", "post_quant_conv."};
  return std::ranges::any_of(kParts, [&](std::string_view part) { return name.starts_with(part); });
}

uint32_t Whole(const Json& number, const char* key) {
  Require(number.is_number_integer(), "config: \"{}\" of \"vq_config\" is {}, not a whole number", key,
          JsonText(number));
  return CheckedCast<uint32_t>(number.get<int64_t>(), key);
}

// Adds the tensors of a file of the release that are not there yet.
template <typename File>
void AddReleased(const std::shared_ptr<const File>& file, std::vector<PictureTensor>& tensors) {
  for (const TensorInfo& info : file->tensors()) {
    if (!IsPart(info.name)) continue;
    PictureTensor tensor{.name = std::string(kInGguf) + info.name,
                         .shape = info.shape,
                         .dtype = info.dtype,
                         .values = [file, name = info.name] { return file->Get(name); }};
    const auto same = std::ranges::find(tensors, tensor.name, &PictureTensor::name);
    if (same == tensors.end())
      tensors.push_back(std::move(tensor));
    else if (info.name == kCodes)
      *same = std::move(tensor);
  }
}

}  // namespace

bool IsChameleon(const Json& config) {
  const auto type = config.find("model_type");
  return type != config.end() && (*type == "chameleon" || *type == "anole");
}

bool IsPictureTensor(std::string_view name) { return name.starts_with(kInCheckpoint); }

void WriteChameleonKeys(const Json& config, GgufWriter& writer) {
  const auto swin = config.find("swin_norm");
  writer.Set("chameleon.swin_norm", swin != config.end() && *swin == true);
  const auto placeholder = config.find("image_token_id");
  if (placeholder != config.end() && !placeholder->is_null())
    writer.Set("tessera.image_token_id", Whole(*placeholder, "image_token_id"));
  const auto vq = config.find("vq_config");
  if (vq == config.end() || !vq->is_object()) return;
  for (const char* name : kSizes)
    if (vq->contains(name)) writer.Set(KeyOf(name), Whole((*vq)[name], name));
  for (const char* name : kLists) {
    if (!vq->contains(name) || (*vq)[name].is_null()) continue;
    Require((*vq)[name].is_array(), "config: \"{}\" of \"vq_config\" is no list", name);
    std::vector<uint32_t> numbers;
    for (const Json& number : (*vq)[name]) numbers.push_back(Whole(number, name));
    writer.Set(KeyOf(name), numbers);
  }
}

void AddChameleonKeys(const GgufFile& file, Json& config) {
  if (const GgufValue* swin = file.Find("chameleon.swin_norm")) config["swin_norm"] = swin->Bool("chameleon.swin_norm");
  if (const GgufValue* id = file.Find("tessera.image_token_id"))
    config["image_token_id"] = id->Integer("tessera.image_token_id");
  Json vq = Json::object();
  for (const char* name : kSizes)
    if (const GgufValue* value = file.Find(KeyOf(name))) vq[name] = value->Integer(KeyOf(name));
  for (const char* name : kLists) {
    const GgufValue* value = file.Find(KeyOf(name));
    if (value == nullptr) continue;
    const GgufArray& numbers = value->Array(KeyOf(name));
    constexpr size_t kMost = 64;  // more levels than any network has
    Require(numbers.size() <= kMost, "{}: \"{}\" has {} entries", file.file().path(), KeyOf(name), numbers.size());
    vq[name] = Json::array();
    for (size_t i = 0; i < numbers.size(); ++i) vq[name].push_back(numbers.Integer(i, KeyOf(name)));
  }
  config["vq_config"] = std::move(vq);
  const GgufValue* tokens = file.Find("tokenizer.ggml.tokens");
  if (tokens == nullptr) return;
  const GgufArray& names = tokens->Array("tokenizer.ggml.tokens");
  const GgufValue* types = file.Find("tokenizer.ggml.token_type");
  const GgufArray* kinds = types == nullptr ? nullptr : &types->Array("tokenizer.ggml.token_type");
  constexpr int64_t kUnused = 5;  // fills the embedding's last rows
  JsonObject map;
  for (size_t id = 0; id < names.size(); ++id) {
    if (kinds != nullptr && id < kinds->size() && kinds->Integer(id, "tokenizer.ggml.token_type") == kUnused) continue;
    map[names.String(id, "tokenizer.ggml.tokens")] = id;
  }
  config["vocabulary_map"] = map.Take();
}

std::vector<PictureTensor> PictureTensors(const Checkpoint& checkpoint) {
  std::vector<PictureTensor> tensors;
  for (const TensorInfo& info : checkpoint.tensors()) {
    if (!IsPictureTensor(info.name) || !IsPart(std::string_view(info.name).substr(kInCheckpoint.size()))) continue;
    tensors.push_back({.name = std::string(kInGguf) + info.name.substr(kInCheckpoint.size()),
                       .shape = info.shape,
                       .dtype = info.dtype,
                       .values = [&checkpoint, &info] { return checkpoint.Get(info.name); }});
  }
  const auto stored = [&](const char* name) { return checkpoint.Has(std::string(kInCheckpoint) + name); };
  if (stored("encoder.conv_in.weight") && stored("decoder.conv_in.weight")) return tensors;
  const fs::path folder = checkpoint.directory() / "tokenizer";
  if (const fs::path safe = folder / "vqgan.safetensors"; fs::exists(safe))
    AddReleased(std::make_shared<const SafetensorsFile>(SafetensorsFile::Open(safe)), tensors);
  else if (const fs::path released = folder / "vqgan.ckpt"; fs::exists(released))
    AddReleased(std::make_shared<const PyTorchFile>(PyTorchFile::Open(released)), tensors);
  return tensors;
}

}  // namespace tessera::weights
