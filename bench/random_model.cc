#include "bench/random_model.h"

#include <functional>

#include "bench/chameleon_tensors.h"
#include "bench/made_up_vocabulary.h"
#include "bench/model_tensors.h"
#include "bench/random_weights.h"
#include "tessera/core/atomic_file.h"
#include "tessera/text/export_vocabulary.h"
#include "tessera/weights/config.h"
#include "tessera/weights/export_vision.h"
#include "tessera/weights/gguf_config.h"
#include "tessera/weights/gguf_names.h"
#include "tessera/weights/gguf_writer.h"
#include "tessera/weights/quantize_recipe.h"

namespace tessera::bench {

namespace fs = std::filesystem;

namespace {

struct Job {
  ModelTensor tensor;
  DType dtype;
  Tensor values = {};  // where they are not random
};

// Calls write(values) for each job in turn.
void MakeAll(const std::vector<Job>& jobs, const RandomModelOptions& options,
             const std::function<void(const Tensor&)>& write) {
  int64_t total = 0, done = 0;
  for (const Job& job : jobs) total += job.tensor.shape.numel();
  uint64_t stream = options.seed << 32;
  for (const auto& [tensor, dtype, fixed] : jobs) {
    Tensor values = fixed ? fixed : RandomWeight(tensor.shape, dtype, tensor.deviation, ++stream);
    if (tensor.mean != 0) {
      values = values.To(DType::kF32);
      for (float& value : values.mutable_data<float>()) value += tensor.mean;
      values = values.To(dtype);
    }
    write(values);
    done += tensor.shape.numel();
    if (options.on_progress) options.on_progress(done, total);
  }
}

bool IsNamedAsInCheckpoints(const ModelTensor& tensor) {
  return tensor.name.starts_with("vis") || tensor.name.starts_with("multi_modal_projector.") ||
         tensor.name.starts_with("model.");
}

constexpr int64_t kFirstImageToken = 4;  // as in the released vocabulary

text::GgufVocabulary VocabularyOf(const Json& whole) {
  const Json config = weights::TextConfig(whole);
  const auto id = [&](const char* key, int64_t otherwise) {
    const auto value = config.find(key);
    if (value == config.end() || value->is_null()) return otherwise;
    return value->is_array() ? value->at(0).get<int64_t>() : value->get<int64_t>();
  };
  SpecialPieces special{.bos = id("bos_token_id", 1), .eos = id("eos_token_id", 2)};
  for (const auto& [key, piece] :
       {std::pair("vision_start_token_id", "<|vision_start|>"), std::pair("vision_end_token_id", "<|vision_end|>"),
        std::pair("image_token_id", "<|image_pad|>"), std::pair("video_token_id", "<|video_pad|>")})
    if (config.contains(key)) special.others[id(key, 0)] = piece;
  if (whole.contains("media_placeholder_token_id"))
    special.others[whole["media_placeholder_token_id"].get<int64_t>()] = "<|media_pad|>";
  if (config["model_type"] == "chameleon") {
    special.bos_piece = "<s>";
    special.eos_piece = "</s>";
    special.others[id("begin_image_token_id", 8197)] = "<racm3:break>";
    special.others[id("end_image_token_id", 8196)] = "<eoss>";
    special.others[id("end_turn_token_id", 8710)] = "<reserved08706>";
    special.others[id("image_token_id", 8711)] = "<image>";
    for (int64_t code = 0; code < config["vq_config"]["num_embeddings"].get<int64_t>(); ++code)
      special.others[kFirstImageToken + code] = ImageTokenName(code);
  }
  return MadeUpVocabulary(config["vocab_size"].get<int64_t>(), special);
}

// The tensors of a GGUF model, those of its vision part apart.
struct GgufTensors {
  std::vector<Job> text, vision;
  std::vector<weights::VisionPiece> pieces;  // what `vision` holds
};

GgufTensors GgufTensorsOf(const Json& whole, const weights::Recipe& recipe) {
  const Json config = weights::TextConfig(whole);
  const bool tied = config.value("tie_word_embeddings", false);
  GgufTensors tensors;
  if (const Tensor factors = weights::RopeFactors(config))
    tensors.text.push_back({{.name = "rope_freqs.weight", .shape = factors.shape()}, DType::kF32, factors});
  const auto add = [&](std::vector<Job>& jobs, const ModelTensor& tensor) {
    const weights::RecipeTensor description = {
        .name = tensor.name,
        .shape = tensor.shape,
        .layers = config["num_hidden_layers"].get<int64_t>(),
        .gives_logits = tensor.name == (tied ? "token_embd.weight" : "output.weight")};
    jobs.push_back({tensor, weights::TypeFor(recipe, description)});
  };
  for (ModelTensor& tensor : TensorsOf(whole)) {
    if (tensor.name.starts_with("model.")) tensor.name = weights::NameToGguf(tensor.name);  // Chameleon's
    if (!IsNamedAsInCheckpoints(tensor)) add(tensors.text, tensor);
    if (!IsNamedAsInCheckpoints(tensor)) continue;
    for (const weights::VisionPiece& piece :
         weights::VisionPieces(whole.value("model_type", ""), {.name = tensor.name, .shape = tensor.shape})) {
      add(tensors.vision, {piece.name, piece.shape, tensor.mean, tensor.deviation});
      tensors.pieces.push_back(piece);
    }
  }
  return tensors;
}

void WriteTensors(const std::vector<Job>& jobs, const RandomModelOptions& options, weights::GgufWriter& writer) {
  for (const Job& job : jobs) writer.Declare(job.tensor.name, job.tensor.shape, job.dtype);
  MakeAll(jobs, options, [&](const Tensor& values) { writer.Write(values); });
  writer.Finish();
}

void WriteGguf(const Json& whole, const fs::path& out, const RandomModelOptions& options) {
  const Json config = weights::TextConfig(whole);
  const weights::Recipe recipe = weights::RecipeFromName(options.type);
  GgufTensors tensors = GgufTensorsOf(whole, recipe);
  Require(options.mmproj.empty() || !tensors.pieces.empty(),
          "{}: models of type \"{}\" have no vision part that is a file of its own", options.mmproj.string(),
          whole.value("model_type", ""));
  weights::GgufWriter writer(out);
  weights::WriteConfig(config, writer);
  if (!tensors.pieces.empty() && options.mmproj.empty()) {
    weights::WriteVisionConfig(whole, Json::object(), tensors.pieces, writer);
    tensors.text.insert(tensors.text.end(), tensors.vision.begin(), tensors.vision.end());
  }
  writer.Set("general.name", out.stem().string());
  writer.Set("general.file_type", recipe.file_type);
  writer.Set("general.quantization_version", uint32_t{2});
  text::WriteGgufVocabulary(VocabularyOf(whole), config["vocab_size"].get<int64_t>(), writer);
  WriteTensors(tensors.text, options, writer);
  if (options.mmproj.empty()) return;
  weights::GgufWriter vision(options.mmproj);
  vision.Set("general.architecture", std::string("clip"));
  vision.Set("general.type", std::string("mmproj"));
  vision.Set("general.file_type", recipe.file_type);
  vision.Set("general.quantization_version", uint32_t{2});
  weights::WriteVisionConfig(whole, Json::object(), tensors.pieces, vision);
  WriteTensors(tensors.vision, options, vision);
}

void WriteFile(const fs::path& path, std::string_view text) {
  AtomicFile file(path);
  file.Write(text);
  file.Commit();
}

std::string SafetensorsHeader(const std::vector<Job>& jobs) {
  Json header = {{"__metadata__", {{"format", "pt"}}}};
  int64_t begin = 0;
  for (const auto& [tensor, dtype, fixed] : jobs) {
    std::vector<int64_t> shape;
    for (int axis = 0; axis < tensor.shape.rank(); ++axis) shape.push_back(tensor.shape[axis]);
    const int64_t end = begin + BytesFor(dtype, tensor.shape.numel());
    const char* name = dtype == DType::kF32 ? "F32" : dtype == DType::kF16 ? "F16" : "BF16";
    header[IsNamedAsInCheckpoints(tensor) ? tensor.name : weights::NameFromGguf(tensor.name)] = {
        {"dtype", name}, {"shape", shape}, {"data_offsets", {begin, end}}};
    begin = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t size = text.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + text;
}

void WriteSafetensors(const Json& config, const fs::path& out, const RandomModelOptions& options) {
  const DType dtype = weights::RecipeFromName(options.type).dtype;
  Require(!IsQuantized(dtype), "{}: safetensors hold no block formats; name a file that ends in .gguf, or a plain type",
          out.string());
  Require(config["model_type"] != "deepseek_v3" && config["model_type"] != "kimi_vl",
          "{}: Moonlight and Kimi-VL can only be made as GGUF; name a file that ends in .gguf", out.string());
  std::vector<Job> jobs;
  for (const ModelTensor& tensor : TensorsOf(config)) jobs.push_back({tensor, dtype});
  fs::create_directories(out);
  const text::GgufVocabulary vocabulary = VocabularyOf(config);
  const bool chameleon = config["model_type"] == "chameleon";
  WriteFile(out / "config.json", (chameleon ? WithVocabularyMap(config, vocabulary.tokens) : config).dump(2) + "\n");
  WriteFile(out / "tokenizer.json", AsTokenizerJson(vocabulary));
  if (chameleon) WriteFile(out / "tokenizer_config.json", R"({"bos_token": "<s>", "eos_token": "</s>"})");
  AtomicFile file(out / "model.safetensors");
  file.Write(SafetensorsHeader(jobs));
  MakeAll(jobs, options, [&](const Tensor& values) {
    file.Write({reinterpret_cast<const char*>(values.raw()), static_cast<size_t>(values.bytes())});
  });
  file.Commit();
}

}  // namespace

void WriteRandomModel(const Json& config, const fs::path& out, const RandomModelOptions& options) {
  const Json normal = weights::NormalizeConfig(config, "config");
  Require(options.mmproj.empty() || out.extension() == ".gguf",
          "{}: a directory holds its vision part itself; name a model file that ends in .gguf",
          options.mmproj.string());
  if (out.extension() == ".gguf")
    WriteGguf(normal, out, options);
  else
    WriteSafetensors(normal, out, options);
}

}  // namespace tessera::bench
