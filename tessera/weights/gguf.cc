#include "tessera/weights/gguf.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>

#include "tessera/core/checked.h"
#include "tessera/weights/mapped_tensor.h"

namespace tessera::weights {
namespace {

constexpr uint64_t kMaxName = 1 << 16;  // bytes of a key or of a tensor's name
constexpr uint32_t kMaxAxes = 4;        // more than any writer of the format gives

struct KnownType {
  uint32_t number;
  std::string_view name;
  std::optional<DType> dtype;  // nothing: known, not readable
};
constexpr KnownType kTypes[] = {
    {0, "F32", DType::kF32},
    {1, "F16", DType::kF16},
    {2, "Q4_0", DType::kQ4_0},
    {3, "Q4_1", DType::kQ4_1},
    {6, "Q5_0", DType::kQ5_0},
    {7, "Q5_1", DType::kQ5_1},
    {8, "Q8_0", DType::kQ8_0},
    {9, "Q8_1", {}},
    {10, "Q2_K", DType::kQ2_K},
    {11, "Q3_K", DType::kQ3_K},
    {12, "Q4_K", DType::kQ4_K},
    {13, "Q5_K", DType::kQ5_K},
    {14, "Q6_K", DType::kQ6_K},
    {15, "Q8_K", DType::kQ8_K},
    {16, "IQ2_XXS", {}},
    {17, "IQ2_XS", {}},
    {18, "IQ3_XXS", {}},
    {19, "IQ1_S", {}},
    {20, "IQ4_NL", DType::kIQ4_NL},
    {21, "IQ3_S", {}},
    {22, "IQ2_S", {}},
    {23, "IQ4_XS", DType::kIQ4_XS},
    {24, "I8", DType::kI8},
    {25, "I16", {}},
    {26, "I32", DType::kI32},
    {27, "I64", DType::kI64},
    {28, "F64", DType::kF64},
    {29, "IQ1_M", {}},
    {30, "BF16", DType::kBF16},
    {34, "TQ1_0", {}},
    {35, "TQ2_0", {}},
    {39, "MXFP4", {}},
    {40, "NVFP4", {}},
};

std::string_view ReadName(ByteReader& reader, std::string_view what) {
  const auto length = reader.Read<uint64_t>(what);
  Require(length <= kMaxName, "{}: {} of {} bytes at byte {}, the limit is {}", reader.where(), what, length,
          reader.position(), kMaxName);
  return reader.Take(length, what);
}

void ReadMetadata(ByteReader& reader, uint64_t count, GgufHeader& header) {
  std::unordered_set<std::string_view> keys;
  for (uint64_t i = 0; i < count; ++i) {
    const std::string_view key = ReadName(reader, "a key");
    Require(keys.insert(key).second, "{}: the key \"{}\" stands twice", reader.where(), key);
    const auto type = static_cast<GgufType>(reader.Read<uint32_t>(key));
    header.metadata.push_back({key, GgufValue::Read(reader, type, key)});
    if (key == "general.alignment") {
      header.alignment = header.metadata.back().value.Integer(key);
      const int64_t a = header.alignment;
      Require(a >= 1 && a <= (1 << 20) && (a & (a - 1)) == 0,
              "{}: general.alignment is {}; it must be a power of two up to 2^20", reader.where(), a);
    }
  }
}

TensorInfo ReadTensor(ByteReader& reader, int64_t alignment) {
  TensorInfo info;
  info.name = ReadName(reader, "a tensor's name");
  const std::string what = fmt::format("{}: tensor \"{}\"", reader.where(), info.name);
  const auto axes = reader.Read<uint32_t>(what);
  Require(axes <= kMaxAxes, "{} has {} axes, at most {} are allowed", what, axes, kMaxAxes);
  std::array<int64_t, kMaxAxes> dims{};
  for (uint32_t i = 0; i < axes; ++i) {
    const auto length = reader.Read<uint64_t>(what);
    Require(length >= 1 && length <= uint64_t{INT64_MAX}, "{} has an axis of length {}", what, length);
    dims[axes - 1 - i] = static_cast<int64_t>(length);
  }
  info.dtype = DTypeFromGguf(reader.Read<uint32_t>(what), what);
  WithContext(what, [&] {
    info.shape = Shape(std::span<const int64_t>(dims.data(), axes));
    const int64_t block = Info(info.dtype).block_size;
    Require(block == 1 || (axes > 0 && info.shape[-1] % block == 0), "rows of {} values are not whole blocks of {}",
            axes > 0 ? info.shape[-1] : 1, block);
    info.bytes = BytesFor(info.dtype, info.shape.numel());
  });
  const auto offset = reader.Read<uint64_t>(what);
  Require(offset <= uint64_t{INT64_MAX} && static_cast<int64_t>(offset) % alignment == 0,
          "{} starts at offset {}, which is not a multiple of {}", what, offset, alignment);
  info.begin = static_cast<int64_t>(offset);  // from the start of the data, until that is known
  return info;
}

void PlaceTensors(GgufHeader& header, int64_t file_size, std::string_view where) {
  std::vector<const TensorInfo*> sorted;
  for (TensorInfo& info : header.tensors) {
    const std::string what = fmt::format("{}: tensor \"{}\"", where, info.name);
    info.begin = CheckedAdd(info.begin, header.data_begin, what);
    const int64_t end = CheckedAdd(info.begin, info.bytes, what);
    Require(end <= file_size, "{}: tensor \"{}\" ends at byte {} but the file has {}. Was the download cut?", where,
            info.name, end, file_size);
    sorted.push_back(&info);
  }
  std::ranges::sort(sorted, {}, &TensorInfo::begin);
  for (size_t i = 1; i < sorted.size(); ++i) {
    Require(sorted[i - 1]->begin + sorted[i - 1]->bytes <= sorted[i]->begin,
            "{}: the tensors \"{}\" and \"{}\" overlap at byte {}", where, sorted[i - 1]->name, sorted[i]->name,
            sorted[i]->begin);
  }
}

}  // namespace

uint32_t GgufTensorType(DType dtype) {
  for (const KnownType& type : kTypes) {
    if (type.dtype == dtype) return type.number;
  }
  Fail("gguf: has no tensor type for {}", Name(dtype));
}

DType DTypeFromGguf(uint32_t type, std::string_view what) {
  for (const KnownType& known : kTypes) {
    if (known.number != type) continue;
    Require(known.dtype.has_value(), "{} is of type {}, which cannot be read; take a file with another quantisation",
            what, known.name);
    return *known.dtype;
  }
  Fail("{} is of the unknown type {}", what, type);
}

GgufHeader ParseGgufHeader(std::string_view bytes, int64_t file_size, std::string_view where) {
  ByteReader reader(bytes, where);
  Require(reader.Take(4, "the format's name") == "GGUF", "{}: does not begin with \"GGUF\"", where);
  GgufHeader header;
  header.version = reader.Read<uint32_t>("the version");
  Require(header.version != 1, "{}: GGUF version 1 is not read; convert the file with a newer converter", where);
  Require((header.version & 0xffff) != 0, "{}: a big-endian GGUF file; convert it on a little-endian machine", where);
  Require(header.version == 2 || header.version == 3, "{}: GGUF version {}; readable are 2 and 3", where,
          header.version);
  const auto tensor_count = reader.Read<uint64_t>("the tensor count");
  const auto key_count = reader.Read<uint64_t>("the key count");
  Require(tensor_count <= kMaxGgufTensors && key_count <= kMaxGgufKeys,
          "{}: {} tensors and {} keys, the limit is {} of each", where, tensor_count, key_count, kMaxGgufTensors);
  ReadMetadata(reader, key_count, header);
  for (uint64_t i = 0; i < tensor_count; ++i) header.tensors.push_back(ReadTensor(reader, header.alignment));
  std::unordered_set<std::string_view> names;
  for (const TensorInfo& info : header.tensors)
    Require(names.insert(info.name).second, "{}: the tensor \"{}\" stands twice", where, info.name);
  const auto end = static_cast<int64_t>(reader.position());
  header.data_begin = CheckedAdd(end, header.alignment - 1, where) / header.alignment * header.alignment;
  PlaceTensors(header, file_size, where);
  return header;
}

GgufFile GgufFile::Open(const std::filesystem::path& path) { return Open(MappedFile::Open(path)); }

GgufFile GgufFile::Open(std::shared_ptr<const MappedFile> file) {
  GgufFile result;
  result.file_ = std::move(file);
  result.header_ = ParseGgufHeader(result.file_->text(), result.file_->size(), result.file_->path());
  result.file_->RequireIntact();
  for (size_t i = 0; i < result.header_.metadata.size(); ++i) result.key_index_[result.header_.metadata[i].key] = i;
  for (size_t i = 0; i < result.header_.tensors.size(); ++i) result.tensor_index_[result.header_.tensors[i].name] = i;
  return result;
}

const GgufValue* GgufFile::Find(std::string_view key) const {
  const auto found = key_index_.find(key);
  return found == key_index_.end() ? nullptr : &header_.metadata[found->second].value;
}

Tensor GgufFile::Get(std::string_view name) const {
  const auto found = tensor_index_.find(name);
  Require(found != tensor_index_.end(), "{}: no tensor \"{}\"", file_->path(), name);
  return MappedTensor(file_, header_.tensors[found->second]);
}

}  // namespace tessera::weights
