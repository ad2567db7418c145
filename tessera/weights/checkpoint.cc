#include "tessera/weights/checkpoint.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "tessera/weights/config.h"
#include "tessera/weights/gguf_names.h"
#include "tessera/weights/gguf_vision.h"
#include "tessera/weights/safetensors.h"

namespace tessera::weights {

namespace fs = std::filesystem;

struct Checkpoint::State {
  fs::path path;
  Json config = Json::object(), generation_config = Json::object(), preprocessor_config = Json::object();
  std::unique_ptr<GgufFile> gguf;
  std::vector<SafetensorsFile> shards;
  std::vector<TensorInfo> tensors;
  struct Place {
    size_t shard = 0;     // of safetensors
    size_t index = 0;     // in the GGUF file's tensors
    int64_t expert = -1;  // the part of a tensor [E, …, …] that holds all experts of a layer
  };
  std::unordered_map<std::string, Place> places;
  std::unique_ptr<GgufFile> vision_file;  // null: the vision part, if there is one, is in `gguf`
  std::map<std::string, VisionTensor> vision;

  const GgufFile& FileOfVision() const { return vision_file != nullptr ? *vision_file : *gguf; }
};

namespace {

constexpr int64_t kMaxConfig = 16 << 20, kMaxIndex = 100 << 20;  // bytes

Json ReadJsonFile(const fs::path& path, int64_t max_bytes) {
  Json json = ParseJson(ReadFile(path, max_bytes), path.string(), {.unique_keys = true});
  Require(json.is_object(), "{}: not a JSON object", path.string());
  return json;
}

Json ReadIfThere(const fs::path& path) { return fs::exists(path) ? ReadJsonFile(path, kMaxConfig) : Json::object(); }

Json ReadConfig(const fs::path& directory) {
  const fs::path path = directory / "config.json";
  return NormalizeConfig(ReadIfThere(path), path.string());
}

// The shards that an index names, and the shard of each tensor.
struct ShardIndex {
  std::vector<std::string> files;
  std::unordered_map<std::string, size_t> shard_of;
};

ShardIndex ReadShardIndex(const fs::path& path) {
  const Json json = ReadJsonFile(path, kMaxIndex);
  const auto map = json.find("weight_map");
  Require(map != json.end() && map->is_object(), "{}: no \"weight_map\"", path.string());
  ShardIndex index;
  std::unordered_map<std::string, size_t> numbers;
  for (const auto& [name, value] : map->items()) {
    Require(value.is_string(), "{}: the file of tensor \"{}\" is not a string", path.string(), name);
    const auto& file = value.get_ref<const std::string&>();
    // A name with a folder in it could lead anywhere on this machine.
    Require(!file.empty() && file != ".." && file.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos,
            "{}: tensor \"{}\" is said to be in \"{}\", which is not the name of a file here", path.string(), name,
            file);
    const auto [entry, added] = numbers.try_emplace(file, index.files.size());
    if (added) index.files.push_back(file);
    index.shard_of[name] = entry->second;
  }
  return index;
}

std::vector<fs::path> FilesWithExtension(const fs::path& directory, std::string_view extension) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.path().extension() == extension) found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

}  // namespace

Checkpoint::Checkpoint(std::unique_ptr<State> state) : state_(std::move(state)) {}
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

namespace {

// The names of the experts in a tensor of all of a layer's, "….experts.up_proj.weight" [E, …, …].
std::vector<std::pair<std::string, int64_t>> ExpertsIn(const TensorInfo& info) {
  constexpr std::string_view kExperts = ".mlp.experts.";
  constexpr int64_t kMostExperts = 4096;  // more than any model has; each name costs memory
  std::vector<std::pair<std::string, int64_t>> names;
  const size_t at = info.name.find(kExperts);
  if (at == std::string::npos || info.shape.rank() != 3 || info.shape[0] > kMostExperts) return names;
  const std::string head = info.name.substr(0, at + kExperts.size()), tail = info.name.substr(at + kExperts.size());
  for (int64_t expert = 0; expert < info.shape[0]; ++expert)
    names.emplace_back(fmt::format("{}{}.{}", head, expert, tail), expert);
  return names;
}

bool IsVisionFile(const fs::path& path) {
  return path.extension() == ".gguf" && path.filename().string().find("mmproj") != std::string::npos;
}

// Whether a file beside a model is a vision part that fits it; files of other families, and broken ones, do not.
bool FitsModel(const fs::path& path, const Json& config) {
  try {
    return FitsLanguageModel(ReadGgufVision(GgufFile::Open(path)), config);
  } catch (const Error&) {
    return false;
  }
}

// The vision file that stands beside a GGUF model and fits it, or an empty path.
fs::path VisionFileBeside(const fs::path& model, const Json& config) {
  const fs::path folder = model.has_parent_path() ? model.parent_path() : fs::path(".");
  for (const fs::path& path : FilesWithExtension(folder, ".gguf"))
    if (IsVisionFile(path) && path != model && FitsModel(path, config)) return path;
  return {};
}

// Adds the vision part: of the file itself, of `given`, or of a file beside it.
template <typename State>
void OpenVision(const fs::path& path, const fs::path& given, State& state) {
  const bool within = given.empty() && HasVision(*state.gguf);
  const fs::path file = !given.empty() || within ? given : VisionFileBeside(path, state.config);
  if (file.empty() && !within) return;
  if (!within) state.vision_file = std::make_unique<GgufFile>(GgufFile::Open(file));
  GgufVision vision = ReadGgufVision(state.FileOfVision());
  Require(FitsLanguageModel(vision, state.config),
          "{}: it is the vision part of a {} of width {}, which the language model in {} is not",
          state.FileOfVision().file().path(), vision.family, vision.width, path.string());
  state.config = WithVision(state.config, vision, *state.gguf);
  state.preprocessor_config = std::move(vision.preprocessor_config);
  state.vision = std::move(vision.tensors);
}

template <typename State>
void OpenGguf(const fs::path& path, const fs::path& vision_file, State& state) {
  state.path = path;
  state.gguf = std::make_unique<GgufFile>(GgufFile::Open(path));
  const GgufFile& gguf = *state.gguf;
  state.config = WithContext(path.string(), [&] { return ConfigFromGguf(gguf); });
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"})
    if (state.config.contains(key)) state.generation_config[key] = state.config[key];
  const std::string type = state.config["model_type"];
  const bool translate =
      type == "llama" || type == "qwen2" || type == "deepseek_v2" || type == "deepseek_v3" || type == "chameleon";
  OpenVision(path, vision_file, state);
  const std::string family = state.config["model_type"];
  const std::string prefix(state.vision.empty() ? "" : LanguagePrefix(family));
  const bool within = !state.vision.empty() && state.vision_file == nullptr;
  for (size_t i = 0; i < gguf.tensors().size(); ++i) {
    TensorInfo info = gguf.tensors()[i];
    if (within && (info.name.starts_with("v.") || info.name.starts_with("mm."))) continue;
    if (translate) info.name = prefix + NameFromGguf(info.name);
    Require(state.places.emplace(info.name, typename State::Place{0, i}).second, "{}: two tensors are named \"{}\"",
            path.string(), info.name);
    for (auto& [name, expert] : ExpertsIn(info))
      Require(state.places.emplace(name, typename State::Place{0, i, expert}).second,
              "{}: two tensors are named \"{}\"", path.string(), name);
    state.tensors.push_back(std::move(info));
  }
  for (const auto& [name, tensor] : state.vision) state.tensors.push_back(tensor.info);
  gguf.file().RequireIntact();
}

template <typename State>
void OpenSafetensors(const fs::path& path, State& state) {
  state.shards.push_back(SafetensorsFile::Open(path));
  state.tensors = state.shards.back().tensors();
  for (const TensorInfo& info : state.tensors) state.places.try_emplace(info.name);
}

template <typename State>
void OpenShards(const fs::path& index_path, State& state) {
  const ShardIndex index = ReadShardIndex(index_path);
  std::vector<bool> used(index.files.size());
  for (size_t shard = 0; shard < index.files.size(); ++shard) {
    state.shards.push_back(SafetensorsFile::Open(index_path.parent_path() / index.files[shard]));
    for (const TensorInfo& info : state.shards.back().tensors()) {
      const auto entry = index.shard_of.find(info.name);
      if (entry == index.shard_of.end() || entry->second != shard) continue;  // the index decides
      state.tensors.push_back(info);
      state.places.emplace(info.name, typename State::Place{shard, 0});
    }
  }
  for (const auto& [name, shard] : index.shard_of)
    Require(state.places.contains(name), "{}: tensor \"{}\" is not in {}, where the index says it is",
            index_path.string(), name, index.files[shard]);
}

void RequireNoVisionFile(const fs::path& path, const fs::path& vision_file) {
  Require(vision_file.empty(), "{}: a vision file ({}) belongs to a GGUF model, which this is not", path.string(),
          vision_file.string());
}

template <typename State>
void OpenDirectory(const fs::path& directory, const fs::path& vision_file, State& state) {
  const fs::path single = directory / "model.safetensors", index = directory / "model.safetensors.index.json";
  if (fs::exists(single)) {
    OpenSafetensors(single, state);
  } else if (fs::exists(index)) {
    OpenShards(index, state);
  } else {
    auto ggufs = FilesWithExtension(directory, ".gguf");
    std::erase_if(ggufs, IsVisionFile);
    Require(!ggufs.empty(), "{}: no model.safetensors, no model.safetensors.index.json and no GGUF file here",
            directory.string());
    Require(ggufs.size() == 1, "{}: {} GGUF files here; name one, for example {}", directory.string(), ggufs.size(),
            ggufs.front().string());
    return OpenGguf(ggufs.front(), vision_file, state);
  }
  RequireNoVisionFile(directory, vision_file);
  state.path = directory;
  state.config = ReadConfig(directory);
  state.generation_config = ReadIfThere(directory / "generation_config.json");
  state.preprocessor_config = ReadIfThere(directory / "preprocessor_config.json");
}

bool IsGguf(const fs::path& path) {
  if (path.extension() == ".gguf") return true;
  return MappedFile::Open(path)->text().starts_with("GGUF");
}

}  // namespace

Checkpoint Checkpoint::Open(const fs::path& path, const fs::path& vision_file) {
  Require(fs::exists(path), "{}: no such file or directory", path.string());
  auto state = std::make_unique<State>();
  if (fs::is_directory(path)) {
    OpenDirectory(path, vision_file, *state);
  } else if (IsGguf(path)) {
    OpenGguf(path, vision_file, *state);
  } else {
    RequireNoVisionFile(path, vision_file);
    OpenSafetensors(path, *state);
    state->path = path;
    state->config = ReadConfig(path.parent_path());
    state->generation_config = ReadIfThere(path.parent_path() / "generation_config.json");
    state->preprocessor_config = ReadIfThere(path.parent_path() / "preprocessor_config.json");
  }
  return Checkpoint(std::move(state));
}

const fs::path& Checkpoint::path() const { return state_->path; }

fs::path Checkpoint::directory() const {
  if (fs::is_directory(state_->path)) return state_->path;
  return state_->path.has_parent_path() ? state_->path.parent_path() : fs::path(".");
}

fs::path Checkpoint::SideFile(std::string_view name) const {
  if (state_->gguf != nullptr) return {};
  const fs::path file = directory() / name;
  return fs::exists(file) ? file : fs::path();
}

std::string_view Checkpoint::format() const { return state_->gguf != nullptr ? "gguf" : "safetensors"; }
const GgufFile* Checkpoint::gguf() const { return state_->gguf.get(); }
const Json& Checkpoint::config() const { return state_->config; }
const Json& Checkpoint::generation_config() const { return state_->generation_config; }
const Json& Checkpoint::preprocessor_config() const { return state_->preprocessor_config; }
const std::vector<TensorInfo>& Checkpoint::tensors() const { return state_->tensors; }
bool Checkpoint::Has(const std::string& name) const {
  return state_->places.contains(name) || state_->vision.contains(name);
}

Tensor Checkpoint::Find(const std::string& name) const {
  const auto place = state_->places.find(name);
  if (place == state_->places.end()) {
    const auto seen = state_->vision.find(name);
    return seen == state_->vision.end() ? Tensor() : GetVisionTensor(state_->FileOfVision(), seen->second);
  }
  if (state_->gguf != nullptr) {
    const Tensor tensor = state_->gguf->Get(state_->gguf->tensors()[place->second.index].name);
    const int64_t expert = place->second.expert;
    if (expert < 0) return tensor;
    return tensor.Slice(0, expert, expert + 1).Reshape({tensor.dim(1), tensor.dim(2)});
  }
  return state_->shards[place->second.shard].Get(name);
}

Tensor Checkpoint::Get(const std::string& name) const {
  Tensor tensor = Find(name);
  Require(tensor.defined(), "{}: no tensor \"{}\"", state_->path.string(), name);
  return tensor;
}

void Checkpoint::RequireIntact() const {
  if (state_->gguf != nullptr) state_->gguf->file().RequireIntact();
  if (state_->vision_file != nullptr) state_->vision_file->file().RequireIntact();
  for (const SafetensorsFile& shard : state_->shards) shard.file().RequireIntact();
}

}  // namespace tessera::weights
