#pragma once
// Writes a GGUF file (version 3), one tensor at a time: only the metadata and one tensor are in memory.
//
//   GgufWriter writer("out.gguf");
//   writer.Set("general.architecture", "llama");
//   writer.Set("llama.block_count", uint32_t{30});
//   writer.Declare("token_embd.weight", {49152, 576}, DType::kQ8_0);  …          all tensors, in the order to come
//   writer.Write(Quantize(table, DType::kQ8_0));  …                              their values, in that order
//   writer.Finish();                                                              only now the file exists

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "tessera/core/atomic_file.h"
#include "tessera/core/tensor.h"
#include "tessera/weights/gguf_value.h"
#include "tessera/weights/tensor_info.h"

namespace tessera::weights {

class GgufWriter {
 public:
  // `alignment` of the tensors' bytes, a power of two.
  explicit GgufWriter(const std::filesystem::path& path, int64_t alignment = 32);

  // A key with its value: a number (its C++ type is the type in the file), a bool, a string, or a vector of these.
  // All keys come before the first tensor is written. Throws Error for a key that stands twice, or too late.
  template <typename T>
  void Set(std::string_view key, const T& value) {
    AppendGguf(StartKey(key, GgufTypeOf<T>), value);
  }
  template <typename T>
  void Set(std::string_view key, const std::vector<T>& values) {
    std::string& bytes = StartKey(key, GgufType::kArray);
    AppendGguf(bytes, static_cast<uint32_t>(GgufTypeOf<T>));
    AppendGguf(bytes, uint64_t{values.size()});
    for (const T& value : values) AppendGguf(bytes, value);
  }
  // A value of another file, unchanged.
  void Set(std::string_view key, const GgufValue& value) { value.Write(StartKey(key, value.type())); }
  bool Has(std::string_view key) const { return keys_.contains(std::string(key)); }

  // A tensor to come. Throws Error for a name that stands twice, more than 4 axes, or a dtype without a GGUF type.
  void Declare(std::string_view name, const Shape& shape, DType dtype);
  // The values of the next declared tensor. Throws Error if shape or dtype differ from the declaration.
  void Write(const Tensor& values);
  // Completes the file. Throws Error if a declared tensor has not been written, or if the disk refuses.
  void Finish();

  int64_t tensors_left() const { return std::ssize(declared_) - written_; }

 private:
  AtomicFile file_;
  std::string where_;
  int64_t alignment_;
  std::string metadata_;
  std::unordered_set<std::string> keys_, names_;
  std::vector<TensorInfo> declared_;
  int64_t written_ = 0, data_begin_ = -1;  // data_begin_ < 0: the header has not been written

  std::string& StartKey(std::string_view key, GgufType type);
  void WriteHeader();
  void Pad(int64_t position);
};

}  // namespace tessera::weights
