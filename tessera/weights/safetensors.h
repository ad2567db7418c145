#pragma once
// The safetensors format:
//
//   +----------------+---------------------------------------------+---------------------------+
//   | n: u64, little | header: n bytes of JSON, begins with '{'    | data: the tensors' bytes  |
//   +----------------+---------------------------------------------+---------------------------+
//   {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}
//
// Offsets count from the start of the data. The ranges must cover the data exactly: no holes, no overlap, no rest.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/mapped_file.h"
#include "tessera/core/tensor.h"
#include "tessera/weights/tensor_info.h"

namespace tessera::weights {

inline constexpr int64_t kMaxSafetensorsHeader = 100'000'000;  // bytes; the format's own limit

// The header alone. `bytes` begins with a file's first bytes and holds at least the header; `file_size` is the size of
// the whole file; `where` names the file in errors. The result is in the order of the header's keys.
struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;
  std::map<std::string, std::string> metadata;
};
SafetensorsHeader ParseSafetensorsHeader(std::string_view bytes, int64_t file_size, std::string_view where);

class SafetensorsFile {
 public:
  // Throws Error that names the file and the tensor: a truncated or oversized header, malformed JSON, a duplicate name,
  // an unknown dtype, sizes that overflow, ranges that disagree with shapes, leave holes, overlap or pass the end.
  static SafetensorsFile Open(const std::filesystem::path& path);
  static SafetensorsFile Open(std::shared_ptr<const MappedFile> file);

  const std::vector<TensorInfo>& tensors() const { return header_.tensors; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  bool Has(const std::string& name) const { return index_.contains(name); }
  // The tensor of that name, mapped; throws Error if there is none.
  Tensor Get(const std::string& name) const;
  const MappedFile& file() const { return *file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  SafetensorsHeader header_;
  std::unordered_map<std::string, size_t> index_;
};

// Writes the tensors (plain dtypes) in the order given; the file appears whole or not at all.
// Throws Error for a block format, a name that stands twice or is "__metadata__", and when the disk refuses.
void WriteSafetensors(const std::filesystem::path& path, const std::vector<std::pair<std::string, Tensor>>& tensors,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace tessera::weights
