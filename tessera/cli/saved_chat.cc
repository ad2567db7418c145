#include "tessera/cli/saved_chat.h"

#include <algorithm>

#include "tessera/core/atomic_file.h"
#include "tessera/core/error.h"
#include "tessera/core/json_text.h"
#include "tessera/core/mapped_file.h"

namespace tessera::cli {
namespace {

constexpr int64_t kMaxBytes = int64_t{64} << 20;

bool HasText(const Json& object, const char* key) { return object.contains(key) && object[key].is_string(); }

}  // namespace

SavedChat ParseSavedChat(std::string_view text, std::string_view where) {
  const Json saved = ParseJson(text, where, {.max_bytes = size_t{kMaxBytes}});
  Require(saved.is_object() && saved.contains("messages") && saved["messages"].is_array(),
          "{}: not a conversation that /save wrote (no \"messages\")", where);
  SavedChat chat;
  for (const Json& turn : saved["messages"]) {
    Require(turn.is_object() && HasText(turn, "role") && HasText(turn, "content"),
            "{}: message {} lacks its \"role\" or \"content\" text", where, chat.turns.size() + 1);
    Json kept = {{"role", turn["role"]}, {"content", turn["content"]}};
    for (const char* key : {"images", "videos"}) {
      if (!turn.contains(key)) continue;
      const Json& files = turn[key];
      const bool texts = files.is_array() && std::ranges::all_of(files, [](const Json& f) { return f.is_string(); });
      Require(texts, "{}: the \"{}\" of message {} are no list of files", where, key, chat.turns.size() + 1);
      kept[key] = files;
    }
    chat.turns.push_back(std::move(kept));
  }
  if (HasText(saved, "model")) chat.model = saved["model"];
  if (HasText(saved, "system")) chat.system = saved["system"];
  return chat;
}

SavedChat ReadSavedChat(const std::filesystem::path& path) {
  return ParseSavedChat(ReadFile(path, kMaxBytes), path.string());
}

void WriteSavedChat(const std::filesystem::path& path, const SavedChat& chat) {
  const Json saved = {{"model", chat.model}, {"system", chat.system.value_or("")}, {"messages", chat.turns}};
  AtomicFile out(path);
  out.Write(JsonText(saved, 2) + "\n");
  out.Commit();
}

}  // namespace tessera::cli
