#pragma once
// What the fuzzers of whole models do with one: everything that the program does before and while it answers.

#include <algorithm>
#include <filesystem>

#include "fuzz/read_model.h"
#include "fuzz/tokenizer_readers.h"
#include "tessera/cli/sampling_flags.h"
#include "tessera/core/thread_pool.h"
#include "tessera/infer/engine.h"
#include "tessera/infer/loaded_model.h"
#include "tessera/infer/text_generation.h"
#include "tessera/models/vision.h"
#include "tessera/text/export_vocabulary.h"
#include "tessera/text/model_chat_template.h"
#include "tessera/weights/checkpoint.h"
#include "tessera/weights/summary.h"

namespace tessera::fuzz {

// Shows a small picture to a model that encodes pictures.
inline void Show(const models::LanguageModel& model) {
  const models::VisionEncoder* eyes = model.vision();
  if (eyes == nullptr || eyes->early_fusion()) return;
  Tolerate([&] {
    Tensor picture = Tensor::Zeros({40, 60, 3}, DType::kU8);
    for (size_t i = 0; i < picture.data<uint8_t>().size(); ++i)
      picture.mutable_data<uint8_t>()[i] = static_cast<uint8_t>(7 * i);
    const models::VisionInput input = eyes->Prepare(picture);
    constexpr int64_t kMostPatches = 512;  // a file may ask that pictures be made as large as its limits allow
    if (input.grid.patches() <= kMostPatches) Touch(eyes->Encode(std::span(&input, 1)));
  });
}

// Loads the model and lets it answer two tokens; true if it does.
inline bool Answers(const std::filesystem::path& path) {
  bool answered = false;
  Tolerate([&] {
    const infer::LoadedModel loaded = infer::Load(path.string(), {.pack = true});
    Show(*loaded.model);
    infer::Engine engine(*loaded.model, {.context = std::min<int64_t>(loaded.model->summary().max_context, 256)});
    std::vector<int32_t> prompt = {0};
    if (loaded.chat_template) Tolerate([&] { prompt = ChatPrompt(loaded, {{{"role", "user"}, {"content", "a b"}}}); });
    cli::SamplingFlags flags;
    flags.seed = 1;
    const auto sampling = cli::ResolveSampling(flags, loaded.generation_config, {});
    infer::GenerateText(engine, *loaded.tokenizer, {.prompt = std::move(prompt), .max_tokens = 2, .sampling = sampling},
                        [](std::string_view) { return true; });
    answered = true;
  });
  return answered;
}

// Each part by itself, so that damage in one does not hide the others; true if the whole answers.
inline bool UseModel(const std::filesystem::path& path) {
  SetThreadCount(1);
  Tolerate([&] {
    const auto checkpoint = weights::Checkpoint::Open(path);
    unsigned sum = 0;
    for (const weights::TensorInfo& info : checkpoint.tensors()) sum += Touch(checkpoint.Get(info.name));
    [[maybe_unused]] volatile unsigned read = sum;
    weights::Summarize(checkpoint);
  });
  Tolerate([&] {
    const auto templates = text::ModelChatTemplates::Load(path);
    for (const std::string& name : templates.names()) Tolerate([&] { text::ChatTemplate{templates.Source(name)}; });
  });
  Tolerate([&] {
    if (std::filesystem::is_directory(path) && text::HasVocabulary(path)) text::ExportVocabulary(path);
  });
  Tolerate([&] { text::Tokenizer::Load(path)->Encode("Hello  world's 123\n<s> \xE4\xBD\xA0 \xFF"); });
  return Answers(path);
}

}  // namespace tessera::fuzz
