#pragma once
// The GGUF format, versions 2 and 3 (they differ in nothing that a little-endian reader meets):
//
//   +--------+-------------+------------------+----------------+
//   | "GGUF" | version u32 | tensor count u64 | key count u64  |
//   +--------+-------------+------------------+----------------+
//   | key count times:     key string | value type u32 | value                                 string = u64 length,
//   bytes | tensor count times:  name string | axes u32 | length of each axis u64 | type u32 | offset u64
//   +-- zeros up to a multiple of general.alignment (32 if absent) --
//   | the tensors' bytes; offsets count from here and are multiples of the alignment
//
// The file lists axes innermost first; everything here lists them outermost first: a matrix [rows, columns].

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tessera/core/mapped_file.h"
#include "tessera/core/tensor.h"
#include "tessera/weights/gguf_value.h"
#include "tessera/weights/tensor_info.h"

namespace tessera::weights {

inline constexpr uint64_t kMaxGgufTensors = 1'000'000;
inline constexpr uint64_t kMaxGgufKeys = 1'000'000;

// The format's number of a tensor type, and back. The second throws Error that names the type where it is known but not
// readable (IQ2_XXS and other rare ones, I16), and its number otherwise.
uint32_t GgufTensorType(DType dtype);
DType DTypeFromGguf(uint32_t type, std::string_view what);

struct GgufEntry {
  std::string_view key;
  GgufValue value;
};

// All before the tensors' bytes. The views are of `bytes`, a whole file or as much of it as the header needs;
// `file_size` is the size of the whole file; `where` names it in errors.
struct GgufHeader {
  uint32_t version = 0;
  int64_t alignment = 32;
  int64_t data_begin = 0;
  std::vector<GgufEntry> metadata;  // in the file's order
  std::vector<TensorInfo> tensors;  // in the file's order
};
GgufHeader ParseGgufHeader(std::string_view bytes, int64_t file_size, std::string_view where);

class GgufFile {
 public:
  // Throws Error that names the file and the key or tensor: a truncated file, another version or byte order, an unknown
  // type, a duplicate key or name, sizes beyond the limits or that overflow, an axis of length 0, tensors that overlap
  // or pass the end of the file.
  static GgufFile Open(const std::filesystem::path& path);
  static GgufFile Open(std::shared_ptr<const MappedFile> file);

  uint32_t version() const { return header_.version; }
  const std::vector<GgufEntry>& metadata() const { return header_.metadata; }
  // The value of that key, or null if there is none.
  const GgufValue* Find(std::string_view key) const;
  const std::vector<TensorInfo>& tensors() const { return header_.tensors; }
  bool Has(std::string_view name) const { return tensor_index_.contains(name); }
  // The tensor of that name, mapped; throws Error if there is none.
  Tensor Get(std::string_view name) const;
  const MappedFile& file() const { return *file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  GgufHeader header_;
  std::unordered_map<std::string_view, size_t> key_index_, tensor_index_;
};

}  // namespace tessera::weights
