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

// Calibrations are kept under GGUF's names, which both kinds of input have.
std::map<std::string, const InputGram*> GramsByGgufName(const QuantizeModelOptions& options) {
  std::map<std::string, const InputGram*> grams;
  if (options.calibration == nullptr) return grams;
  for (const auto& [name, gram] : *options.calibration) grams.emplace(NameToGguf(WithoutLanguagePrefix(name)), &gram);
  return grams;
}

void WriteJobs(const std::vector<QuantizeJob>& jobs, const QuantizeModelOptions& options, GgufWriter& writer,
               QuantizeReport& report) {
  int64_t total = 0, done = 0;
  const auto grams = GramsByGgufName(options);
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
