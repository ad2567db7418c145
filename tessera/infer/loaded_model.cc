#include "tessera/infer/loaded_model.h"

#include "tessera/core/error.h"
#include "tessera/core/heap.h"
#include "tessera/core/mapped_file.h"
#include "tessera/text/model_chat_template.h"
#include "tessera/weights/gguf.h"
#include "tessera/weights/locate.h"

namespace tessera::infer {
namespace {

// The header's pages have been read; what is needed again comes back.
void ReleaseFile(const weights::Checkpoint& checkpoint) {
  if (const weights::GgufFile* gguf = checkpoint.gguf()) ReleaseMappedPages(gguf->file().bytes());
}

}  // namespace

LoadedModel Load(const std::string& name, models::LoadOptions options, const LoadProgress& progress,
                 const std::filesystem::path& vision_file) {
  const std::filesystem::path path = weights::Locate(name);
  LoadedModel loaded{.name = name};
  loaded.checkpoint = std::make_unique<weights::Checkpoint>(weights::Checkpoint::Open(path, vision_file));
  if (progress) {
    options.on_weight = [&progress, done = int64_t{0}, total = std::ssize(loaded.checkpoint->tensors())]() mutable {
      progress(++done, total);
    };
  }
  loaded.model = models::LoadModel(*loaded.checkpoint, options);
  loaded.checkpoint->RequireIntact();
  const weights::GgufFile* gguf = loaded.checkpoint->gguf();
  const std::filesystem::path& file = loaded.checkpoint->path();
  loaded.tokenizer = gguf != nullptr ? text::Tokenizer::Load(*gguf) : text::Tokenizer::Load(file);
  const auto templates =
      gguf != nullptr ? text::ModelChatTemplates::FromGguf(*gguf) : text::ModelChatTemplates::Load(file);
  if (!templates.empty()) WithContext(path.string(), [&] { loaded.chat_template.emplace(templates.Source()); });
  loaded.template_tokens = templates.special_tokens();
  loaded.generation_config = loaded.checkpoint->generation_config();
  ReleaseFile(*loaded.checkpoint);
  TrimHeap();
  return loaded;
}

models::LoadOptions FastestOn(Device device) {
  if (device == Device::kCuda) return {.activations = DType::kBF16, .device = device};
  return {.pack = true, .pack_later = true};
}

void Pack(models::LanguageModel& model, const weights::Checkpoint& checkpoint) {
  model.parameters().Pack();
  checkpoint.RequireIntact();
  ReleaseFile(checkpoint);
}

std::vector<int32_t> ChatPrompt(const LoadedModel& loaded, const Json& messages) {
  Require(loaded.chat_template.has_value(), "chat: {} has no chat template; use --raw to continue plain text",
          loaded.name);
  Json variables = loaded.template_tokens;
  variables["messages"] = messages;
  variables["add_generation_prompt"] = true;
  return loaded.tokenizer->Encode(loaded.chat_template->Render(variables));
}

}  // namespace tessera::infer
