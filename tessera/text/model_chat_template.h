#pragma once
// The chat template that a model's files bring along, and the special tokens that it names.
//
//   const ModelChatTemplates templates = ModelChatTemplates::Load("/models/llama");
//   const ChatTemplate chat(templates.Source());
//   Json variables = templates.special_tokens();     // {"bos_token": "<s>", "eos_token": "</s>"}
//   variables["messages"] = …;
//   chat.Render(variables);

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/core/json.h"

namespace tessera::weights {
class GgufFile;
}

namespace tessera::text {

class ModelChatTemplates {
 public:
  // Reads a GGUF file's metadata (tokenizer.chat_template, tokenizer.chat_template.NAME), or a directory's
  // chat_template.jinja, else "chat_template" of tokenizer_config.json (a string, or a list of named templates), else
  // that of chat_template.json; and additional_chat_templates/NAME.jinja. A Chameleon without a template gets the turns
  // that its own code makes. No template at all is no error here.
  // Throws Error for files that are missing or malformed.
  static ModelChatTemplates Load(const std::filesystem::path& model);
  static ModelChatTemplates FromGguf(const weights::GgufFile& file);

  bool empty() const { return sources_.empty(); }
  bool Has(std::string_view name) const;
  std::vector<std::string> names() const;

  // The template of that name; without one: "default", or the only one there is. Throws Error that lists the names.
  const std::string& Source(std::string_view name = "") const;
  // Without a name, "tool_use" serves where tools are given and the model has it.
  const std::string& SourceFor(const Json& variables) const;

  // bos_token, eos_token, unk_token, pad_token … as far as the model names them.
  const Json& special_tokens() const { return special_tokens_; }

 private:
  void Add(std::string name, std::string source);
  void AddOfFamily(const Json& config);
  void AddFromConfig(const Json& chat_template, std::string_view where);
  void LoadDirectory(const std::filesystem::path& directory);

  std::vector<std::pair<std::string, std::string>> sources_;
  Json special_tokens_ = Json::object();
};

}  // namespace tessera::text
