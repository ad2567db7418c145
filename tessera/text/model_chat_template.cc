#include "tessera/text/model_chat_template.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tessera/weights/gguf.h"

namespace tessera::text {
namespace {

constexpr int64_t kMaxFile = int64_t{64} << 20;
constexpr std::string_view kDefault = "default", kToolUse = "tool_use";
constexpr std::array kTokenNames = {"bos_token", "eos_token", "unk_token", "sep_token",
                                    "pad_token", "cls_token", "mask_token"};

// The file's object, or an empty one if there is no such file.
Json ReadObject(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return Json::object();
  Json json = ParseJson(ReadFile(path, kMaxFile), path.string());
  Require(json.is_object(), "{}: not a JSON object", path.string());
  return json;
}

// A token is named by its content, or by an object with its content.
void AddToken(const Json& config, const char* name, Json& tokens) {
  const auto found = config.find(name);
  if (found == config.end()) return;
  if (found->is_string()) tokens[name] = *found;
  if (found->is_object() && found->contains("content") && (*found)["content"].is_string())
    tokens[name] = (*found)["content"];
}

}  // namespace

void ModelChatTemplates::Add(std::string name, std::string source) {
  if (Has(name)) return;
  sources_.emplace_back(std::move(name), std::move(source));
}

void ModelChatTemplates::AddFromConfig(const Json& chat_template, std::string_view where) {
  if (chat_template.is_null()) return;
  if (chat_template.is_string()) return Add(std::string(kDefault), chat_template.get<std::string>());
  Require(chat_template.is_array(), "{}: \"chat_template\" must be a string or a list of named templates", where);
  for (const Json& entry : chat_template) {
    const bool complete = entry.is_object() && entry.contains("name") && entry["name"].is_string() &&
                          entry.contains("template") && entry["template"].is_string();
    Require(complete, "{}: each entry of \"chat_template\" needs the strings \"name\" and \"template\"", where);
    Add(entry["name"].get<std::string>(), entry["template"].get<std::string>());
  }
}

void ModelChatTemplates::LoadDirectory(const std::filesystem::path& directory) {
  std::error_code error;
  const auto own = directory / "chat_template.jinja";
  if (std::filesystem::exists(own, error)) Add(std::string(kDefault), ReadFile(own, kMaxFile));
  const auto additional = directory / "additional_chat_templates";
  if (std::filesystem::is_directory(additional, error))
    for (const auto& entry : std::filesystem::directory_iterator(additional))
      if (entry.path().extension() == ".jinja") Add(entry.path().stem().string(), ReadFile(entry.path(), kMaxFile));
  const auto config_path = directory / "tokenizer_config.json";
  const Json config = ReadObject(config_path);
  AddFromConfig(config.value("chat_template", Json()), config_path.string());
  const auto processor_path = directory / "chat_template.json";
  AddFromConfig(ReadObject(processor_path).value("chat_template", Json()), processor_path.string());
  if (sources_.empty()) AddOfFamily(ReadObject(directory / "config.json"));
  const Json map = ReadObject(directory / "special_tokens_map.json");
  for (const char* name : kTokenNames) {
    AddToken(map, name, special_tokens_);
    AddToken(config, name, special_tokens_);
  }
}

// Chameleon's files have no template: its code ends every turn with one token, and pictures stand where they are named.
void ModelChatTemplates::AddOfFamily(const Json& config) {
  const Json type = config.value("model_type", Json());
  if (type != "chameleon" && type != "anole") return;
  Add(std::string(kDefault),
      "{{ bos_token }}{% for message in messages %}"
      "{% if message.content is string %}{{ message.content }}{% else %}"
      "{% for part in message.content %}{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% "
      "endfor %}"
      "{% endif %}{{ '\n' if message.role == 'system' else '<reserved08706>' }}{% endfor %}");
}

ModelChatTemplates ModelChatTemplates::Load(const std::filesystem::path& model) {
  if (!std::filesystem::is_directory(model)) return FromGguf(weights::GgufFile::Open(model));
  ModelChatTemplates templates;
  templates.LoadDirectory(model);
  return templates;
}

ModelChatTemplates ModelChatTemplates::FromGguf(const weights::GgufFile& file) {
  static constexpr std::string_view kPrefix = "tokenizer.chat_template";
  static constexpr std::pair<const char*, const char*> kIds[] = {{"bos_token", "tokenizer.ggml.bos_token_id"},
                                                                 {"eos_token", "tokenizer.ggml.eos_token_id"},
                                                                 {"unk_token", "tokenizer.ggml.unknown_token_id"},
                                                                 {"sep_token", "tokenizer.ggml.seperator_token_id"},
                                                                 {"pad_token", "tokenizer.ggml.padding_token_id"}};
  ModelChatTemplates templates;
  for (const weights::GgufEntry& entry : file.metadata()) {
    if (!entry.value.is_string() || !entry.key.starts_with(kPrefix)) continue;
    const std::string_view rest = entry.key.substr(kPrefix.size());
    if (rest.empty()) templates.Add(std::string(kDefault), std::string(entry.value.String(entry.key)));
    if (rest.starts_with('.')) templates.Add(std::string(rest.substr(1)), std::string(entry.value.String(entry.key)));
  }
  const weights::GgufValue* architecture = file.Find("general.architecture");
  if (templates.sources_.empty() && architecture != nullptr && architecture->is_string())
    templates.AddOfFamily({{"model_type", architecture->String("general.architecture")}});
  const weights::GgufValue* pieces = file.Find("tokenizer.ggml.tokens");
  if (pieces == nullptr) return templates;
  for (const auto& [name, key] : kIds) {
    const weights::GgufValue* id = file.Find(key);
    if (id == nullptr || !id->is_integer()) continue;
    const auto& array = pieces->Array("tokenizer.ggml.tokens");
    const int64_t index = id->Integer(key);
    if (index >= 0 && static_cast<uint64_t>(index) < array.size())
      templates.special_tokens_[name] = std::string(array.String(static_cast<size_t>(index), "tokenizer.ggml.tokens"));
  }
  return templates;
}

bool ModelChatTemplates::Has(std::string_view name) const {
  return std::ranges::any_of(sources_, [&](const auto& entry) { return entry.first == name; });
}

std::vector<std::string> ModelChatTemplates::names() const {
  std::vector<std::string> names;
  for (const auto& [name, source] : sources_) names.push_back(name);
  return names;
}

const std::string& ModelChatTemplates::Source(std::string_view name) const {
  Require(!sources_.empty(), "the model has no chat template");
  const std::string_view wanted = name.empty() ? kDefault : name;
  if (name.empty() && sources_.size() == 1) return sources_[0].second;
  for (const auto& [key, source] : sources_)
    if (key == wanted) return source;
  Fail("the model has no chat template \"{}\", but {}", wanted, fmt::join(names(), ", "));
}

const std::string& ModelChatTemplates::SourceFor(const Json& variables) const {
  const bool tools = variables.contains("tools") && !variables["tools"].is_null();
  return Source(tools && Has(kToolUse) ? kToolUse : "");
}

}  // namespace tessera::text
