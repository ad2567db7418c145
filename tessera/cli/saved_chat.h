#pragma once
// The files of /save and /load:
//
//   {"model": "smollm2", "system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}, …]}

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "tessera/core/json.h"

namespace tessera::cli {

struct SavedChat {
  std::string model;
  std::optional<std::string> system;
  Json turns =
      Json::array();  // objects with the texts "role" and "content", and "images" and "videos" where files were shown
};

// Throws Error naming `where` for what is no such conversation; unknown keys are passed over.
SavedChat ParseSavedChat(std::string_view text, std::string_view where);
// Throws Error also if the file cannot be read or has more than 64 MiB.
SavedChat ReadSavedChat(const std::filesystem::path& path);

// The file appears whole or not at all; bytes that are no UTF-8 become U+FFFD. Throws Error if it cannot be written.
void WriteSavedChat(const std::filesystem::path& path, const SavedChat& chat);

}  // namespace tessera::cli
