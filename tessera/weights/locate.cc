#include "tessera/weights/locate.h"

#include <algorithm>
#include <optional>

#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tessera/weights/cache.h"
#include "tessera/weights/catalogue.h"

namespace tessera::weights {

namespace fs = std::filesystem;

namespace {

// "org/name@revision:part"
struct HubName {
  std::string organisation, name, revision = "main", part;
};

bool IsPlainWord(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !text.empty() && text != "." && text != ".." && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::optional<HubName> ParseHubName(std::string_view model) {
  HubName result;
  if (const size_t colon = model.find(':'); colon != std::string_view::npos) {
    result.part = model.substr(colon + 1);
    model = model.substr(0, colon);
  }
  if (const size_t at = model.find('@'); at != std::string_view::npos) {
    result.revision = model.substr(at + 1);
    model = model.substr(0, at);
  }
  const size_t slash = model.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  result.organisation = model.substr(0, slash);
  result.name = model.substr(slash + 1);
  const bool plain = IsPlainWord(result.organisation) && IsPlainWord(result.name) && IsPlainWord(result.revision);
  return plain ? std::optional(result) : std::nullopt;
}

// The snapshot of a revision: a branch or tag names its commit in refs/, a commit is its own name.
std::optional<fs::path> Snapshot(const fs::path& repository, const std::string& revision) {
  std::string commit = revision;
  if (const fs::path ref = repository / "refs" / revision; fs::is_regular_file(ref)) {
    commit = ReadFile(ref, 4096);
    while (!commit.empty() && (commit.back() == '\n' || commit.back() == ' ')) commit.pop_back();
  }
  if (!IsPlainWord(commit)) return std::nullopt;
  const fs::path snapshot = repository / "snapshots" / commit;
  return fs::is_directory(snapshot) ? std::optional(snapshot) : std::nullopt;
}

fs::path ChooseFile(const fs::path& snapshot, const std::string& part, std::string_view model) {
  std::vector<fs::path> matching;
  std::string all;
  for (const auto& entry : fs::directory_iterator(snapshot)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".gguf") continue;
    all += "\n  " + name;
    if (name.find(part) != std::string::npos) matching.push_back(entry.path());
  }
  Require(matching.size() == 1, "{}: {} GGUF files have \"{}\" in their name; there are:{}", model, matching.size(),
          part, all.empty() ? " none" : all);
  return matching.front();
}

int64_t FolderBytes(const fs::path& folder) {
  int64_t bytes = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const auto size = entry.is_regular_file(ignored) ? entry.file_size(ignored) : 0;  // links count as what they name
    if (size != static_cast<uintmax_t>(-1)) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

}  // namespace

fs::path Locate(std::string_view model) {
  Require(!model.empty(), "model: no name is given");
  std::error_code ignored;
  if (fs::exists(model, ignored)) return model;
  if (const CatalogueEntry* entry = FindInCatalogue(model)) {
    Require(IsPulled(*entry), "{}: not on this machine yet; run: tessera pull {}", model, model);
    return CataloguePath(*entry);
  }
  const fs::path hub = HuggingFaceCache();
  if (const auto name = ParseHubName(model)) {
    const fs::path repository = hub / fmt::format("models--{}--{}", name->organisation, name->name);
    if (const auto snapshot = Snapshot(repository, name->revision))
      return name->part.empty() ? *snapshot : ChooseFile(*snapshot, name->part, model);
    Fail("{}: no such file or directory, and no such model in {}", model, hub.string());
  }
  std::string names;
  for (const CatalogueEntry& entry : Catalogue()) names += (names.empty() ? "" : ", ") + std::string(entry.name);
  Fail("{}: no such file or directory, and no name of the catalogue ({})", model, names);
}

std::vector<LocalModel> LocalModels() {
  std::vector<LocalModel> models;
  for (const CatalogueEntry& entry : Catalogue())
    if (IsPulled(entry)) models.push_back({std::string(entry.name), CataloguePath(entry), entry.bytes, "catalogue"});
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(HuggingFaceCache(), absent)) {
    std::string name = entry.path().filename().string();
    constexpr std::string_view kPrefix = "models--";
    if (!name.starts_with(kPrefix)) continue;
    name.erase(0, kPrefix.size());
    const size_t dashes = name.find("--");
    if (dashes == std::string::npos) continue;
    name.replace(dashes, 2, "/");
    const auto snapshot = Snapshot(entry.path(), "main");
    if (snapshot) models.push_back({name, *snapshot, FolderBytes(*snapshot), "huggingface"});
  }
  std::ranges::sort(models, {}, &LocalModel::name);
  return models;
}

}  // namespace tessera::weights
