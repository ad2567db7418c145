#include "tessera/weights/quantize_model.h"

#include <cstring>

#include "tessera/weights/gguf_config.h"
#include "tessera/weights/gguf_names.h"
#include "tessera/weights/quantize_blocks.h"
#include "tessera/weights/quantize_jobs.h"

namespace tessera::weights {

namespace fs = std::filesystem;

namespace {

constexpr uint32_t kQuantizationVersion = 2;  // of the block layouts in quant_blocks.h

void RequireOtherFile(const fs::path& in, const fs::path& out) {
  if (!fs::exists(out)) return;
  Require(!fs::equivalent(in, out), "quantize: {} is both the input and the output; name another output", out.string());
  const fs::path folder = out.has_parent_path() ? out.parent_path() : fs::path(".");
  Require(!fs::is_directory(in) || !fs::equivalent(in, folder),
          "quantize: {} is one of the input's files; name another output", out.string());
}

std::vector<QuantizeJob> JobsOfGguf(const GgufFile& file, const Recipe& recipe) {
  const GgufValue* architecture = file.Find("general.architecture");
  const std::string layers_key =
      fmt::format("{}.block_count", architecture ? architecture->String("general.architecture") : "");
  const GgufValue* layers = file.Find(layers_key);
  const std::string_view logits = file.Has("output.weight") ? "output.weight" : "token_embd.weight";
  std::vector<QuantizeJob> jobs;
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

// Why a calibration has nothing for a matrix.
std::string_view WhyRoundedAlone(std::string_view name) {
  const auto has = [name](std::string_view part) { return name.find(part) != std::string_view::npos; };
  if (has("_exps.")) return "of experts' second halves, which are fed too few tokens of a text each";
  if (has(".attn_k_b.")) return "of attn_k_b, which is fed queries of each head and not what a layer is fed";
  if (name.starts_with("v.") || name.starts_with("mm.")) return "of the vision part, which a text shows no picture";
  if (name == "output.weight" || name == "token_embd.weight") return "of the vocabulary, which no layer is fed from";
  return "that no layer multiplied with";
}

// The tensors that are fed what a calibration has under a name. W_kvb's latents go into W_vb, and into nothing else
// that is stored. An expert is fed some of the tokens that its router sees, too few of a text to tell what it is fed.
std::vector<std::string> FedAlike(const std::string& gguf_name) {
  constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
      {".attn_kv_b.", ".attn_v_b."}, {".ffn_gate_inp.", ".ffn_gate_exps."}, {".ffn_gate_inp.", ".ffn_up_exps."}};
  std::vector<std::string> names = {gguf_name};
  for (const auto& [part, other] : kOthers) {
    const size_t at = gguf_name.find(part);
    if (at != std::string::npos) names.push_back(std::string(gguf_name).replace(at, part.size(), other));
  }
  return names;
}

// w [..., K] row by row.
Tensor CalibratedRows(const Tensor& w, const QuantizeJob& job, const InputGram& gram) {
  const int64_t length = w.dim(-1);
  return QuantizeCalibrated(w.Contiguous().Reshape({w.numel() / length, length}), job.to, gram, job.name)
      .Reshape(w.shape());
}

// Calibrations are kept under GGUF's names, which both kinds of input have.
std::map<std::string, const InputGram*> GramsByGgufName(const QuantizeModelOptions& options) {
  std::map<std::string, const InputGram*> grams;
  if (options.calibration == nullptr) return grams;
  for (const auto& [name, gram] : *options.calibration) {
    for (const std::string& fed : FedAlike(NameToGguf(WithoutLanguagePrefix(name)))) grams.emplace(fed, &gram);
  }
  return grams;
}

void WriteJobs(const std::vector<QuantizeJob>& jobs, const QuantizeModelOptions& options, GgufWriter& writer,
               QuantizeReport& report) {
  int64_t total = 0, done = 0;
  const auto grams = GramsByGgufName(options);
  std::map<std::string_view, int64_t> alone;  // by the reason
  for (const QuantizeJob& job : jobs) total += job.shape.numel();
  for (const QuantizeJob& job : jobs) {
    const auto advance = [&](int64_t values) {
      done += values;
      if (options.on_progress) options.on_progress(done, total);
    };
    const int64_t before = done;
    Tensor values = job.values();
    const auto gram = grams.find(job.name);
    if (gram != grams.end() && IsQuantized(job.to) && job.from != job.to) {
      values = CalibratedRows(values, job, *gram->second);
      ++report.calibrated;
    } else if (job.from != job.to) {
      if (options.calibration != nullptr && IsQuantized(job.to)) ++alone[WhyRoundedAlone(job.name)];
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
  if (options.calibration == nullptr) return;
  std::string note = fmt::format("{} tensors are calibrated", report.calibrated);
  for (const auto& [reason, count] : alone)
    note += fmt::format("{} {} {}", alone.begin()->first == reason ? "; rounded by themselves:" : ",", count, reason);
  report.notes.push_back(std::move(note));
}

void NoteRequantized(const std::vector<QuantizeJob>& jobs, QuantizeReport& report) {
  int64_t again = 0;
  for (const QuantizeJob& job : jobs) again += IsQuantized(job.from) && job.from != job.to;
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
  std::vector<QuantizeJob> jobs;
  if (const GgufFile* gguf = checkpoint.gguf()) {
    jobs = JobsOfGguf(*gguf, options.recipe);
    CopyMetadata(*gguf, writer);
  } else {
    report.notes = WithContext(in.string(), [&] { return WriteConfig(TextConfig(checkpoint.config()), writer); });
    writer.Set("general.name", NameOf(checkpoint));
    jobs = WithContext(in.string(), [&] { return JobsOfCheckpoint(checkpoint, options.recipe); });
    WithContext(in.string(), [&] { WriteVisionKeys(checkpoint, writer); });
    if (options.add_vocabulary) options.add_vocabulary(checkpoint, writer);
  }
  writer.Set("general.file_type", options.recipe.file_type);
  writer.Set("general.quantization_version", kQuantizationVersion);
  for (const QuantizeJob& job : jobs) writer.Declare(job.name, job.shape, job.to);
  NoteRequantized(jobs, report);
  WriteJobs(jobs, options, writer, report);
  checkpoint.RequireIntact();
  writer.Finish();
  return report;
}

}  // namespace tessera::weights
