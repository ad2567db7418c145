#pragma once
// Everything that a name on the command line or in a request stands for: weights, vocabulary, chat template, defaults.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tessera/core/json.h"
#include "tessera/models/load.h"
#include "tessera/text/chat_template.h"
#include "tessera/text/tokenizer.h"
#include "tessera/weights/checkpoint.h"

namespace tessera::infer {

struct LoadedModel {
  std::string name;                                 // as it was asked for
  std::unique_ptr<weights::Checkpoint> checkpoint;  // keeps the mapping that weights point into
  std::unique_ptr<models::LanguageModel> model;
  std::unique_ptr<text::Tokenizer> tokenizer;
  std::optional<text::ChatTemplate> chat_template;  // none: the model continues plain text
  Json template_tokens;                             // "bos_token", "eos_token", …: what the template may name
  Json generation_config;                           // an object; empty where the checkpoint has none
};

// Told how many of how many tensors are loaded.
using LoadProgress = std::function<void(int64_t done, int64_t total)>;

// Finds, maps and builds the model that `name` stands for (weights/locate.h). Weights are packed at once, or, so that
// the first token need not wait for it, by Pack(). `vision_file` as in weights::Checkpoint::Open. Throws Error that
// says what is missing and where it was looked for.
LoadedModel Load(const std::string& name, models::LoadOptions options = {.pack = true},
                 const LoadProgress& progress = {}, const std::filesystem::path& vision_file = {});

// How a model is loaded to answer soonest: on the processor with packed weights, on a GPU with activations in bf16.
models::LoadOptions FastestOn(Device device);

// Does for the passes after the first what options with `pack_later` put off. Nothing else may use the model meanwhile.
// Throws Error if the file was cut short since it was opened.
void Pack(models::LanguageModel& model, const weights::Checkpoint& checkpoint);

// A conversation as the model's prompt: the chat template over {"messages": …}, ending where the answer begins, then
// tokens. Throws Error if there is no template, or with the template's own message.
std::vector<int32_t> ChatPrompt(const LoadedModel& loaded, const Json& messages);

}  // namespace tessera::infer
