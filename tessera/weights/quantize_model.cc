#include "tessera/weights/quantize_model.h"

#include <cstring>

#include "tessera/weights/gguf_config.h"
#include "tessera/weights/gguf_names.h"
#include "tessera/weights/quantize_blocks.h"

namespace tessera::weights {

namespace fs = std::filesystem;

namespace {

constexpr uint32_t kQuantizationVersion = 2;  // of the block layouts in quant_blocks.h

// One tensor's way from the input to the output.
struct Job {
  std::string name;                // in the output
  std::function<Tensor()> values;  // mapped, in the input's format
  Shape shape;
  DType from, to;
  int64_t permuted_heads = 0;  // not 0: rows of q or k of that many heads, to be stored in pairs
};

void RequireOtherFile(const fs::path& in, const fs::path& out) {
  if (!fs::exists(out)) return;
  Require(!fs::equivalent(in, out), "quantize: {} is both the input and the output; name another output", out.string());
  const fs::path folder = out.has_parent_path() ? out.parent_path() : fs::path(".");
  Require(!fs::is_directory(in) || !fs::equivalent(in, folder),
          "quantize: {} is one of the input's files; name another output", out.string());
}

// A plain dtype that is not a float (token tables of rare architectures) stays as it is.
bool HoldsWeights(DType dtype) { return Info(dtype).is_float || IsQuantized(dtype); }

// Rows of each head from two halves to adjacent pairs: row 2i + s of the result is row s·D/2 + i of the source.
Tensor RowsInPairs(const Tensor& x, int64_t heads) {
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

DType TargetOf(const Recipe& recipe, const RecipeTensor& tensor, DType from) {
  return HoldsWeights(from) ? TypeFor(recipe, tensor) : from;
}

std::vector<Job> JobsOfGguf(const GgufFile& file, const Recipe& recipe) {
  const GgufValue* architecture = file.Find("general.architecture");
  const std::string layers_key =
      fmt::format("{}.block_count", architecture ? architecture->String("general.architecture") : "");
  const GgufValue* layers = file.Find(layers_key);
  const std::string_view logits = file.Has("output.weight") ? "output.weight" : "token_embd.weight";
  std::vector<Job> jobs;
  for (const TensorInfo& info : file.tensors()) {
    const RecipeTensor tensor = {.name = info.name,
                                 .shape = info.shape,
                                 .layers = layers ? layers->Integer(layers_key) : 0,
                                 .gives_logits = info.name == logits};
    jobs.push_back({.name = info.name,
                    .values = [&file, &info] { return file.Get(info.name); },
                    .shape = info.shape,
                    .from = info.dtype,
                    .to = TargetOf(recipe, tensor, info.dtype)});
  }
  return jobs;
}

// Heads whose rows GGUF wants in pairs; 0 for tensors that it takes as they are.
int64_t HeadsToPermute(const Json& config, std::string_view gguf_name) {
  if (config["model_type"] != "llama" || config.value("tessera_rope_layout", "halves") == "pairs") return 0;
  const auto heads = config["num_attention_heads"].get<int64_t>();
  if (gguf_name.find(".attn_q.") != std::string_view::npos) return heads;
  if (gguf_name.find(".attn_k.") == std::string_view::npos) return 0;
  const auto kv_heads = config.find("num_key_value_heads");
  return kv_heads == config.end() || kv_heads->is_null() ? heads : kv_heads->get<int64_t>();
}

std::vector<Job> JobsOfCheckpoint(const Checkpoint& checkpoint, const Recipe& recipe) {
  const Json& config = checkpoint.config();
  const auto tie = config.find("tie_word_embeddings");
  const bool tied = (tie != config.end() && *tie == true) || !checkpoint.Has("lm_head.weight");
  std::vector<Job> jobs;
  if (const Tensor factors = RopeFactors(config)) {
    jobs.push_back({.name = "rope_freqs.weight",
                    .values = [factors] { return factors; },
                    .shape = factors.shape(),
                    .from = DType::kF32,
                    .to = DType::kF32});
  }
  for (const TensorInfo& info : checkpoint.tensors()) {
    if (info.name.ends_with("rotary_emb.inv_freq") || (tied && info.name == "lm_head.weight")) continue;
    const std::string name = NameToGguf(info.name);
    Require(name != info.name, "quantize: GGUF has no name for the tensor \"{}\" of a {} model", info.name,
            config["model_type"].get<std::string>());
    const RecipeTensor tensor = {.name = name,
                                 .shape = info.shape,
                                 .layers = config["num_hidden_layers"].get<int64_t>(),
                                 .gives_logits = name == (tied ? "token_embd.weight" : "output.weight")};
    jobs.push_back({.name = name,
                    .values = [&checkpoint, &info] { return checkpoint.Get(info.name); },
                    .shape = info.shape,
                    .from = info.dtype,
                    .to = TargetOf(recipe, tensor, info.dtype),
                    .permuted_heads = HeadsToPermute(config, name)});
  }
  return jobs;
}

void CopyMetadata(const GgufFile& file, GgufWriter& writer) {
  for (const GgufEntry& entry : file.metadata()) {
    if (entry.key == "general.file_type" || entry.key == "general.quantization_version") continue;
    if (!writer.Has(entry.key) && entry.key != "general.alignment") writer.Set(entry.key, entry.value);
  }
}

std::string NameOf(const Checkpoint& checkpoint) {
  const fs::path path = fs::weakly_canonical(checkpoint.path());
  return fs::is_directory(path) ? path.filename().string() : path.stem().string();
}

// Calibrations are kept under GGUF's names, which both kinds of input have.
std::map<std::string, const InputGram*> GramsByGgufName(const QuantizeModelOptions& options) {
  std::map<std::string, const InputGram*> grams;
  if (options.calibration == nullptr) return grams;
  for (const auto& [name, gram] : *options.calibration) grams.emplace(NameToGguf(name), &gram);
  return grams;
}

void WriteJobs(const std::vector<Job>& jobs, const QuantizeModelOptions& options, GgufWriter& writer,
               QuantizeReport& report) {
  int64_t total = 0, done = 0;
  const auto grams = GramsByGgufName(options);
  for (const Job& job : jobs) total += job.shape.numel();
  for (const Job& job : jobs) {
    const auto advance = [&](int64_t values) {
      done += values;
      if (options.on_progress) options.on_progress(done, total);
    };
    const int64_t before = done;
    Tensor values = job.values();
    const auto gram = grams.find(job.name);
    if (gram != grams.end() && IsQuantized(job.to) && job.from != job.to) {
      values = QuantizeCalibrated(values, job.to, *gram->second, job.name);
      ++report.calibrated;
    } else if (job.from != job.to) {
      values = Quantize(values, job.to, {.name = job.name, .on_values = advance});
    }
    if (job.permuted_heads > 0) values = RowsInPairs(values, job.permuted_heads);
    writer.Write(values);
    if (done == before) advance(job.shape.numel());  // copied as it was
    report.input_bytes += BytesFor(job.from, job.shape.numel());
    report.output_bytes += BytesFor(job.to, job.shape.numel());
    ++report.tensors_of_type[job.to];
  }
  report.values = total;
}

void NoteRequantized(const std::vector<Job>& jobs, QuantizeReport& report) {
  int64_t again = 0;
  for (const Job& job : jobs) again += IsQuantized(job.from) && job.from != job.to;
  if (again > 0) {
    report.notes.push_back(fmt::format(
        "{} tensors of the input are in block formats already: their loss stays and the new one is added", again));
  }
}

}  // namespace

QuantizeReport QuantizeModel(const fs::path& in, const fs::path& out, const QuantizeModelOptions& options) {
  RequireOtherFile(in, out);
  const Checkpoint checkpoint = Checkpoint::Open(in);
  RequireOtherFile(checkpoint.path(), out);
  QuantizeReport report;
  GgufWriter writer(out);
  std::vector<Job> jobs;
  if (const GgufFile* gguf = checkpoint.gguf()) {
    jobs = JobsOfGguf(*gguf, options.recipe);
    CopyMetadata(*gguf, writer);
  } else {
    report.notes = WithContext(in.string(), [&] { return WriteConfig(checkpoint.config(), writer); });
    writer.Set("general.name", NameOf(checkpoint));
    jobs = WithContext(in.string(), [&] { return JobsOfCheckpoint(checkpoint, options.recipe); });
    if (options.add_vocabulary) options.add_vocabulary(checkpoint, writer);
  }
  writer.Set("general.file_type", options.recipe.file_type);
  writer.Set("general.quantization_version", kQuantizationVersion);
  for (const Job& job : jobs) writer.Declare(job.name, job.shape, job.to);
  NoteRequantized(jobs, report);
  WriteJobs(jobs, options, writer, report);
  checkpoint.RequireIntact();
  writer.Finish();
  return report;
}

}  // namespace tessera::weights
