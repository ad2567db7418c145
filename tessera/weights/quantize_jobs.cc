#include "tessera/weights/quantize_jobs.h"

#include <cstring>
#include <functional>
#include <optional>

#include "tessera/ops/view.h"
#include "tessera/weights/chameleon_gguf.h"
#include "tessera/weights/export_vision.h"
#include "tessera/weights/gguf_config.h"
#include "tessera/weights/gguf_names.h"
#include "tessera/weights/quantize_blocks.h"

namespace tessera::weights {
namespace {

// A plain dtype that is not a float (token tables of rare architectures) stays as it is.
bool HoldsWeights(DType dtype) { return Info(dtype).is_float || IsQuantized(dtype); }

// Heads whose rows GGUF wants in pairs; 0 for tensors that it takes as they are.
int64_t HeadsToPermute(const Json& config, std::string_view gguf_name) {
  const bool paired = config["model_type"] == "llama" || IsChameleon(config);
  if (!paired || config.value("tessera_rope_layout", "halves") == "pairs") return 0;
  const auto heads = config["num_attention_heads"].get<int64_t>();
  const auto is = [&](std::string_view part) { return gguf_name.find(part) != std::string_view::npos; };
  if (is(".attn_q.") || is(".attn_q_norm.")) return heads;
  if (!is(".attn_k.") && !is(".attn_k_norm.")) return 0;
  const auto kv_heads = config.find("num_key_value_heads");
  return kv_heads == config.end() || kv_heads->is_null() ? heads : kv_heads->get<int64_t>();
}

// The config's model_type, which every part of the export asks for.
std::string FamilyOf(const Checkpoint& checkpoint) {
  const auto type = checkpoint.config().find("model_type");
  return type != checkpoint.config().end() && type->is_string() ? type->get<std::string>() : "";
}

// Makes the jobs of one checkpoint.
class JobMaker {
 public:
  JobMaker(const Checkpoint& checkpoint, const Recipe& recipe)
      : checkpoint_(checkpoint),
        recipe_(recipe),
        config_(TextConfig(checkpoint.config())),
        family_(FamilyOf(checkpoint)),
        chameleon_(IsChameleon(checkpoint.config())) {
    const auto tie = config_.find("tie_word_embeddings");
    bool head = false;
    for (const TensorInfo& info : checkpoint.tensors()) head |= WithoutLanguagePrefix(info.name) == "lm_head.weight";
    tied_ = (tie != config_.end() && *tie == true) || !head;
  }

  std::vector<QuantizeJob> Make() {
    if (const Tensor factors = RopeFactors(config_)) {
      jobs_.push_back({.name = "rope_freqs.weight",
                       .values = [factors] { return factors; },
                       .shape = factors.shape(),
                       .from = DType::kF32,
                       .to = DType::kF32});
    }
    for (const PictureTensor& tensor : PictureTensorsOf())
      jobs_.push_back({.name = tensor.name,
                       .values = tensor.values,
                       .shape = tensor.shape,
                       .from = tensor.dtype,
                       .to = tensor.dtype});
    for (const TensorInfo& info : checkpoint_.tensors()) {
      const std::string_view name = WithoutLanguagePrefix(info.name);
      if (chameleon_ && IsPictureTensor(name)) continue;
      if (name.ends_with("rotary_emb.inv_freq") || (tied_ && name == "lm_head.weight")) continue;
      if (!AddVision(info) && !AddExperts(info, name) && !AddLatentHeads(info, name)) AddPlain(info, name);
    }
    return std::move(jobs_);
  }

 private:
  const Checkpoint& checkpoint_;
  const Recipe& recipe_;
  Json config_;  // of the language model
  std::string family_;
  bool chameleon_, tied_ = false;
  std::vector<QuantizeJob> jobs_;

  std::vector<PictureTensor> PictureTensorsOf() const {
    return chameleon_ ? PictureTensors(checkpoint_) : std::vector<PictureTensor>();
  }

  int64_t Size(const char* key) const {
    const auto value = config_.find(key);
    Require(value != config_.end() && value->is_number_integer(), "config: no number \"{}\"", key);
    return value->get<int64_t>();
  }

  void Add(std::string name, const Shape& shape, DType from, std::function<Tensor()> values) {
    const RecipeTensor tensor = {.name = name,
                                 .shape = shape,
                                 .layers = Size("num_hidden_layers"),
                                 .gives_logits = name == (tied_ ? "token_embd.weight" : "output.weight")};
    const DType to = TargetOf(recipe_, tensor, from);
    const int64_t heads = HeadsToPermute(config_, name);
    jobs_.push_back({.name = std::move(name),
                     .values = std::move(values),
                     .shape = shape,
                     .from = from,
                     .to = to,
                     .permuted_heads = heads});
  }

  void AddPlain(const TensorInfo& info, std::string_view name) {
    const std::string gguf = NameToGguf(name);
    Require(gguf != name, "quantize: GGUF has no name for the tensor \"{}\" of a {} model", info.name, family_);
    Add(gguf, info.shape, info.dtype, [from = &checkpoint_, &info] { return from->Get(info.name); });
  }

  bool AddVision(const TensorInfo& info) {
    const std::vector<VisionPiece> pieces = VisionPieces(family_, info);
    for (const VisionPiece& piece : pieces)
      Add(piece.name, piece.shape, info.dtype,
          [from = &checkpoint_, &info, piece] { return TakePiece(from->Get(info.name), piece); });
    return !pieces.empty();
  }

  // Expert 0 stands for its layer's; the others are part of its tensor.
  bool AddExperts(const TensorInfo& info, std::string_view name) {
    constexpr std::string_view kExperts = ".mlp.experts.", kFirst = ".mlp.experts.0.";
    const size_t at = name.find(kExperts);
    if (at == std::string_view::npos) return false;
    if (name.find(kFirst) != at) return true;
    const int64_t count = Size("n_routed_experts");
    const std::string gguf =
        NameToGguf(std::string(name.substr(0, at)) + ".mlp.experts." + std::string(name.substr(at + kFirst.size())));
    Require(info.shape.rank() == 2, "quantize: tensor \"{}\" {} is no matrix of an expert", info.name, info.shape);
    const size_t digit = info.name.find(kFirst) + kExperts.size();
    const std::string head = info.name.substr(0, digit), tail = info.name.substr(digit + 1);
    Add(gguf, {count, info.shape[0], info.shape[1]}, info.dtype, [from = &checkpoint_, &info, head, tail, count] {
      Tensor all = Tensor::Empty({count, info.shape[0], info.shape[1]}, info.dtype);
      for (int64_t e = 0; e < count; ++e) {
        const Tensor one = from->Get(fmt::format("{}{}{}", head, e, tail));
        Require(one.shape() == info.shape && one.dtype() == info.dtype,
                "quantize: expert {} of \"{}\" differs from the first", e, info.name);
        std::memcpy(all.mutable_raw() + e * one.bytes(), one.raw(), static_cast<size_t>(one.bytes()));
      }
      return all;
    });
    return true;
  }

  // Rows of kv_b are, head by head, N of keys and V of values.
  bool AddLatentHeads(const TensorInfo& info, std::string_view name) {
    constexpr std::string_view kBoth = "self_attn.kv_b_proj.weight";
    if (!name.ends_with(kBoth)) return false;
    const int64_t H = Size("num_attention_heads"), N = Size("qk_nope_head_dim"), V = Size("v_head_dim"),
                  R = Size("kv_lora_rank");
    Require(info.shape == Shape{H * (N + V), R}, "quantize: tensor \"{}\" is {}, the config asks for [{}, {}]",
            info.name, info.shape, H * (N + V), R);
    Require(!IsQuantized(info.dtype), "quantize: tensor \"{}\" is in blocks and cannot be parted", info.name);
    const auto heads = [from = &checkpoint_, &info, H, N, V, R] {
      return from->Get(info.name).Contiguous().Reshape({H, N + V, R});
    };
    const std::string layer(name.substr(0, name.size() - kBoth.size()));
    Add(NameToGguf(layer + "self_attn.k_b_proj.weight"), {H, R, N}, info.dtype,
        [heads, N] { return ops::Transpose(ops::Slice(heads(), 1, 0, N), 1, 2); });
    Add(NameToGguf(layer + "self_attn.v_b_proj.weight"), {H, V, R}, info.dtype,
        [heads, N, V] { return ops::Slice(heads(), 1, N, N + V); });
    return true;
  }
};

}  // namespace

DType TargetOf(const Recipe& recipe, const RecipeTensor& tensor, DType from) {
  if (tensor.name.starts_with("vq.")) return from;  // with rounded weights pictures become other codes
  return HoldsWeights(from) ? TypeFor(recipe, tensor) : from;
}

std::vector<QuantizeJob> JobsOfCheckpoint(const Checkpoint& checkpoint, const Recipe& recipe) {
  return JobMaker(checkpoint, recipe).Make();
}

void WriteVisionKeys(const Checkpoint& checkpoint, GgufWriter& writer) {
  const std::string family = FamilyOf(checkpoint);
  std::vector<VisionPiece> all;
  for (const TensorInfo& info : checkpoint.tensors())
    for (const VisionPiece& piece : VisionPieces(family, info)) all.push_back(piece);
  if (HasVisionNames(family)) WriteVisionConfig(checkpoint.config(), checkpoint.preprocessor_config(), all, writer);
}

std::string_view WithoutLanguagePrefix(std::string_view name) {
  constexpr std::string_view kPrefix = "language_model.";
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
}

Tensor RowsInPairs(const Tensor& x, int64_t heads) {
  if (x.rank() == 2 && x.dim(0) == heads && !IsQuantized(x.dtype()))  // a norm's values of each head
    return RowsInPairs(x.Reshape({x.numel()}), heads).Reshape(x.shape());
  const int64_t rows = x.dim(0), size = rows / heads, row_bytes = x.bytes() / rows;
  Require(rows % heads == 0 && size % 2 == 0, "quantize: {} rows of q or k are not {} heads of an even size", rows,
          heads);
  Tensor result = Tensor::Empty(x.shape(), x.dtype());
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t head = row / size, i = row % size / 2, s = row % 2;
    std::memcpy(result.mutable_raw() + row * row_bytes, x.raw() + (head * size + s * (size / 2) + i) * row_bytes,
                static_cast<size_t>(row_bytes));
  }
  return result;
}

}  // namespace tessera::weights
