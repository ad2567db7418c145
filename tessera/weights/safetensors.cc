#include "tessera/weights/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "tessera/core/atomic_file.h"
#include "tessera/core/checked.h"
#include "tessera/core/json_text.h"
#include "tessera/weights/mapped_tensor.h"

namespace tessera::weights {
namespace {

static_assert(std::endian::native == std::endian::little, "the formats here are little-endian and mapped as they are");

constexpr std::pair<std::string_view, DType> kDTypes[] = {
    {"F64", DType::kF64}, {"F32", DType::kF32}, {"F16", DType::kF16}, {"BF16", DType::kBF16}, {"I64", DType::kI64},
    {"I32", DType::kI32}, {"I8", DType::kI8},   {"U8", DType::kU8},   {"BOOL", DType::kBool},
};

DType ReadDType(const Json& entry, std::string_view where, std::string_view name) {
  const auto value = entry.find("dtype");
  Require(value != entry.end() && value->is_string(), "{}: tensor \"{}\" has no \"dtype\"", where, name);
  const auto& text = value->get_ref<const std::string&>();
  for (const auto& [known, dtype] : kDTypes) {
    if (known == text) return dtype;
  }
  Fail("{}: tensor \"{}\" has the dtype \"{}\"; readable are F64, F32, F16, BF16, I64, I32, I8, U8, BOOL", where, name,
       text);
}

// An array of at most `limit` whole numbers below 2^63.
std::vector<int64_t> ReadSizes(const Json& entry, const char* key, size_t limit, std::string_view where,
                               std::string_view name) {
  const auto value = entry.find(key);
  Require(value != entry.end() && value->is_array(), "{}: tensor \"{}\" has no \"{}\" array", where, name, key);
  Require(value->size() <= limit, "{}: tensor \"{}\": \"{}\" has {} numbers, at most {} are allowed", where, name, key,
          value->size(), limit);
  std::vector<int64_t> sizes;
  for (const Json& number : *value) {
    Require(number.is_number_unsigned() && number.get<uint64_t>() <= uint64_t{INT64_MAX},
            "{}: tensor \"{}\": \"{}\" holds {}, which is not a size", where, name, key, JsonText(number));
    sizes.push_back(number.get<int64_t>());
  }
  return sizes;
}

TensorInfo ReadTensor(const std::string& name, const Json& entry, int64_t data_begin, std::string_view where) {
  Require(entry.is_object(), "{}: the entry \"{}\" is not an object", where, name);
  TensorInfo info;
  info.name = name;
  info.dtype = ReadDType(entry, where, name);
  const auto range = ReadSizes(entry, "data_offsets", 2, where, name);
  Require(range.size() == 2 && range[0] <= range[1], "{}: tensor \"{}\" has no range in \"data_offsets\"", where, name);
  const auto dims = ReadSizes(entry, "shape", kMaxRank, where, name);
  const std::string what = fmt::format("{}: tensor \"{}\"", where, name);
  WithContext(what, [&] {
    info.shape = Shape(dims);
    info.bytes = BytesFor(info.dtype, info.shape.numel());
  });
  Require(info.bytes == range[1] - range[0], "{}: shape {} of {} takes {} bytes but the range has {}", what, info.shape,
          Name(info.dtype), info.bytes, range[1] - range[0]);
  info.begin = CheckedAdd(data_begin, range[0], what);
  return info;
}

std::map<std::string, std::string> ReadMetadata(const Json& entry, std::string_view where) {
  Require(entry.is_object(), "{}: \"__metadata__\" is not an object", where);
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : entry.items()) {
    Require(value.is_string(), "{}: the metadata \"{}\" is not a string", where, key);
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

void RequireCovered(const std::vector<TensorInfo>& tensors, int64_t begin, int64_t end, std::string_view where) {
  std::vector<const TensorInfo*> sorted;
  for (const TensorInfo& info : tensors) sorted.push_back(&info);
  std::ranges::sort(sorted, {}, [](const TensorInfo* info) { return std::pair(info->begin, info->bytes); });
  int64_t covered = begin;
  for (const TensorInfo* info : sorted) {
    Require(info->begin >= covered, "{}: tensor \"{}\" overlaps the one before it, at byte {}", where, info->name,
            info->begin);
    Require(info->begin == covered, "{}: bytes {} to {}, before tensor \"{}\", belong to no tensor", where, covered,
            info->begin, info->name);
    covered = CheckedAdd(info->begin, info->bytes, where);
    Require(covered <= end, "{}: tensor \"{}\" ends at byte {} but the file has {}. Was the download cut?", where,
            info->name, covered, end);
  }
  Require(covered == end, "{}: bytes {} to {}, at the end, belong to no tensor", where, covered, end);
}

}  // namespace

SafetensorsHeader ParseSafetensorsHeader(std::string_view bytes, int64_t file_size, std::string_view where) {
  Require(bytes.size() >= 8, "{}: {} bytes are too few for a safetensors file", where, bytes.size());
  uint64_t length;
  std::memcpy(&length, bytes.data(), 8);
  Require(length <= uint64_t{kMaxSafetensorsHeader}, "{}: a header of {} bytes, the limit is {}. Is it safetensors?",
          where, length, kMaxSafetensorsHeader);
  const auto data_begin = static_cast<int64_t>(length) + 8;
  Require(data_begin <= file_size && length <= bytes.size() - 8,
          "{}: the header ends at byte {} but the file has {}. Was the download cut?", where, data_begin, file_size);
  const std::string_view text = bytes.substr(8, length);
  Require(text.starts_with('{'), "{}: the header does not begin with '{{'. Is it safetensors?", where);
  const Json json = ParseJson(text, where, {.max_depth = 4, .unique_keys = true});
  SafetensorsHeader header;
  for (const auto& [name, entry] : json.items()) {
    if (name == "__metadata__")
      header.metadata = ReadMetadata(entry, where);
    else
      header.tensors.push_back(ReadTensor(name, entry, data_begin, where));
  }
  RequireCovered(header.tensors, data_begin, file_size, where);
  return header;
}

SafetensorsFile SafetensorsFile::Open(const std::filesystem::path& path) { return Open(MappedFile::Open(path)); }

SafetensorsFile SafetensorsFile::Open(std::shared_ptr<const MappedFile> file) {
  SafetensorsFile result;
  result.file_ = std::move(file);
  result.header_ = ParseSafetensorsHeader(result.file_->text(), result.file_->size(), result.file_->path());
  result.file_->RequireIntact();
  for (size_t i = 0; i < result.header_.tensors.size(); ++i) result.index_[result.header_.tensors[i].name] = i;
  return result;
}

Tensor SafetensorsFile::Get(const std::string& name) const {
  const auto found = index_.find(name);
  Require(found != index_.end(), "{}: no tensor \"{}\"", file_->path(), name);
  return MappedTensor(file_, header_.tensors[found->second]);
}

void WriteSafetensors(const std::filesystem::path& path, const std::vector<std::pair<std::string, Tensor>>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  JsonObject header;
  if (!metadata.empty()) header["__metadata__"] = metadata;
  int64_t end = 0;
  for (const auto& [name, tensor] : tensors) {
    const auto known = std::ranges::find(kDTypes, tensor.dtype(), [](const auto& pair) { return pair.second; });
    Require(known != std::end(kDTypes), "{}: tensor \"{}\" is {}; safetensors has no block formats, write GGUF",
            path.string(), name, Name(tensor.dtype()));
    Require(name != "__metadata__" && !header.Has(name), "{}: the tensor name \"{}\" is taken", path.string(), name);
    const int64_t begin = end;
    end = CheckedAdd(begin, tensor.bytes(), name);
    header[name] = {{"dtype", known->first},
                    {"shape", std::vector<int64_t>(tensor.shape().begin(), tensor.shape().end())},
                    {"data_offsets", {begin, end}}};
  }
  std::string text = JsonText(header.Take());
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data is aligned for every dtype
  AtomicFile file(path);
  const uint64_t length = text.size();
  file.Write({reinterpret_cast<const char*>(&length), 8});
  file.Write(text);
  for (const auto& [name, tensor] : tensors) {
    const Tensor values = tensor.Contiguous();
    file.Write({reinterpret_cast<const char*>(values.raw()), static_cast<size_t>(values.bytes())});
  }
  file.Commit();
}

}  // namespace tessera::weights
