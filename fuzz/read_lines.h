#pragma once
// What the fuzzers of the command line's own formats do with an input: JSON lines and saved conversations.

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tessera/cli/json_lines.h"
#include "tessera/cli/saved_chat.h"
#include "tessera/core/error.h"

namespace tessera::fuzz {

// Copies every line; true if all of them are objects. What was written must then be read as the same.
inline bool ReadJsonLines(std::string_view input) {
  const auto copy = [](std::string bytes, std::string& written) {
    char* text = nullptr;
    size_t size = 0;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> in(
        bytes.empty() ? std::fopen("/dev/null", "rb") : fmemopen(bytes.data(), bytes.size(), "rb"), std::fclose);
    std::FILE* out = open_memstream(&text, &size);
    bool valid = true;
    try {
      cli::MapJsonLines(in.get(), out, [](const Json& line) { return line; });
    } catch (const Error&) {
      valid = false;
    }
    std::fclose(out);
    written.assign(text, size);
    std::free(text);
    return valid;
  };
  std::string written, again;
  const bool valid = copy(std::string(input), written);
  if (!copy(written, again) || again != written) throw std::logic_error("what was written is not read as the same");
  return valid;
}

// True if the text is a conversation.
inline bool ReadConversation(std::string_view input) {
  try {
    const cli::SavedChat chat = cli::ParseSavedChat(input, "input");
    for (const Json& turn : chat.turns)
      if (!turn["role"].is_string() || !turn["content"].is_string()) throw std::logic_error("a message without text");
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace tessera::fuzz
