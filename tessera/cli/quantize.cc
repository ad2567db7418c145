#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>

#include "tessera/cli/commands.h"
#include "tessera/cli/progress.h"
#include "tessera/cli/read_text.h"
#include "tessera/cli/terminal.h"
#include "tessera/core/error.h"
#include "tessera/models/calibration.h"
#include "tessera/models/load.h"
#include "tessera/text/export_vocabulary.h"
#include "tessera/text/model_chat_template.h"
#include "tessera/text/tokenizer.h"
#include "tessera/weights/locate.h"
#include "tessera/weights/quantize_model.h"

namespace tessera::cli {
namespace {

struct Options {
  std::string in, out, type, calibrate;
  int64_t calibrate_tokens = 16384;
};

// What each layer is fed when the model reads the beginning of the text.
std::map<std::string, weights::InputGram> Calibration(const Options& options, const Globals& globals) {
  const auto checkpoint = weights::Checkpoint::Open(weights::Locate(options.in));
  const auto tokenizer = text::Tokenizer::Load(checkpoint.path());
  std::vector<int64_t> ids(tokenizer->prefix_ids().begin(), tokenizer->prefix_ids().end());
  const std::vector<int32_t> encoded = tokenizer->Encode(ReadText(options.calibrate));
  ids.insert(ids.end(), encoded.begin(), encoded.end());
  ids.resize(std::min(ids.size(), static_cast<size_t>(options.calibrate_tokens)));
  const auto model = models::LoadModel(checkpoint, {.weights = DType::kF32, .activations = DType::kF32});
  ProgressBar bar(globals, ProgressBar::Unit::kItems);
  return models::Calibrate(*model, ids,
                           {.progress = [&](int64_t done, int64_t total) { bar.Update("calibrate", done, total); }});
}

// The height of the embedding.
int64_t VocabularyRows(const weights::Checkpoint& checkpoint) {
  for (const weights::TensorInfo& info : checkpoint.tensors())
    if (info.name.ends_with("model.embed_tokens.weight") && info.shape.rank() == 2) return info.shape[0];
  Fail("{}: no tensor \"model.embed_tokens.weight\"", checkpoint.path().string());
}

// Adds the tokenizer and the chat template; a directory without them gives a note.
void AddVocabulary(const weights::Checkpoint& checkpoint, weights::GgufWriter& writer, std::string& note) {
  const std::filesystem::path directory = checkpoint.directory();
  if (!text::HasVocabulary(directory)) {
    note =
        fmt::format("{} has no tokenizer, so the file has none: it computes, but cannot read text", directory.string());
    return;
  }
  text::WriteGgufVocabulary(text::ExportVocabulary(directory), VocabularyRows(checkpoint), writer);
  std::string chat = text::ChatTemplateOf(directory);
  if (chat.empty()) {  // some families have one that is in no file
    const auto templates = text::ModelChatTemplates::Load(directory);
    if (!templates.names().empty()) chat = templates.Source();
  }
  if (!chat.empty()) writer.Set("tokenizer.chat_template", chat);
}

// "34 f32, 12 q6_k, 168 q4_k"
std::string CountsOf(const weights::QuantizeReport& report) {
  std::string counts;
  for (const auto& [dtype, count] : report.tensors_of_type)
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", count, Name(dtype));
  return counts;
}

void RunQuantize(const Options& options, const Globals& globals) {
  const auto start = std::chrono::steady_clock::now();
  std::string note;
  weights::QuantizeReport report;
  std::map<std::string, weights::InputGram> calibration;
  if (!options.calibrate.empty()) calibration = Calibration(options, globals);
  {
    ProgressBar bar(globals, ProgressBar::Unit::kItems);
    const weights::QuantizeModelOptions how = {
        .recipe = weights::RecipeFromName(options.type),
        .add_vocabulary = [&](const auto& checkpoint, auto& writer) { AddVocabulary(checkpoint, writer, note); },
        .calibration = options.calibrate.empty() ? nullptr : &calibration,
        .on_progress = [&](int64_t done, int64_t total) { bar.Update("quantize", done, total); }};
    report = weights::QuantizeModel(weights::Locate(options.in), options.out, how);
  }
  if (!note.empty()) report.notes.push_back(note);
  if (!globals.quiet) {
    for (const std::string& text : report.notes) fmt::print(stderr, "note: {}\n", text);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double bits = 8.0 * static_cast<double>(report.output_bytes) / static_cast<double>(report.values);
    fmt::print(stderr, "{} -> {} ({:.2f} bits a value: {}) in {:.1f} s\n", HumanBytes(report.input_bytes),
               HumanBytes(report.output_bytes), bits, CountsOf(report), seconds);
  }
  WriteOutput(options.out + "\n");
}

}  // namespace

void AddQuantize(CLI::App& program, const Globals& globals) {
  CLI::App* command = program.add_subcommand("quantize", "Write a model as a GGUF file in a smaller format");
  command->footer(
      "Example: tessera quantize models/SmolLM2-135M SmolLM2-135M.q4_k_m.gguf --type q4_k_m\n"
      "q4_k_m and q5_k_m mix: the tensors that matter most get more bits. Norms stay f32; rows that are not whole\n"
      "blocks get the nearest format that fits. A vision part goes into the same file, in q8_0; Chameleon's image\n"
      "tokenizer as it is. OUT appears whole or not at all. Prints OUT.");
  auto options = std::make_shared<Options>();
  command
      ->add_option("IN", options->in,
                   "A GGUF file, a safetensors file, a Hugging Face directory, or a name that list shows")
      ->required();
  command->add_option("OUT", options->out, "The GGUF file to write; not the input")->required();
  command->add_option("--type", options->type, fmt::format("The format: {}", fmt::join(weights::RecipeNames(), ", ")))
      ->required()
      ->type_name("TYPE")
      ->check(CLI::IsMember(weights::RecipeNames(), CLI::ignore_case));
  command
      ->add_option("--calibrate", options->calibrate,
                   "A text: layers keep their results near on what they are fed when the model reads it")
      ->type_name("FILE");
  command->add_option("--calibrate-tokens", options->calibrate_tokens, "How much of the text is read")
      ->check(CLI::Range(int64_t{2}, int64_t{1} << 24))
      ->capture_default_str();
  command->callback([options, &globals] { RunQuantize(*options, globals); });
}

}  // namespace tessera::cli
