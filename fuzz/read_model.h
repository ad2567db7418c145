#pragma once
// What the fuzzers of the model readers do with an input; the tests replay the corpus through the same functions.

#include <stdexcept>
#include <string>

#include "tessera/core/error.h"
#include "tessera/core/mapped_file.h"
#include "tessera/weights/gguf.h"
#include "tessera/weights/gguf_names.h"
#include "tessera/weights/pytorch_file.h"
#include "tessera/weights/safetensors.h"

namespace tessera::fuzz {

// Reads the first and the last byte of the values, so that a sanitizer sees a tensor outside the file.
inline unsigned Touch(const Tensor& tensor) {
  if (tensor.bytes() == 0) return 0;
  return std::to_integer<unsigned>(tensor.raw()[0]) + std::to_integer<unsigned>(tensor.raw()[tensor.bytes() - 1]);
}

inline void Hold(bool condition, const char* what) {
  if (!condition) throw std::logic_error(what);  // not an Error: nobody catches it
}

// True if the bytes are a GGUF file; every other outcome than that and an Error is a bug.
inline bool ReadGguf(std::string bytes) {
  try {
    const auto file = weights::GgufFile::Open(MappedFile::FromMemory(std::move(bytes), "input"));
    for (const weights::TensorInfo& info : file.tensors()) {
      const Tensor tensor = file.Get(info.name);
      Hold(tensor.shape() == info.shape && tensor.bytes() == info.bytes, "the tensor is not what its entry says");
      Touch(tensor);
    }
    for (const weights::GgufEntry& entry : file.metadata()) {
      std::string written, again;
      entry.value.Write(written);
      weights::ByteReader reader(written, "written");
      weights::GgufValue::Read(reader, entry.value.type(), entry.key).Write(again);
      Hold(written == again && reader.left() == 0, "a value does not survive writing and reading");
    }
    weights::ConfigFromGguf(file).dump(-1, ' ', false, Json::error_handler_t::replace);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// Every tensor of a file that has nothing else to read.
template <typename File>
bool ReadTensors(std::string bytes) {
  try {
    const auto file = File::Open(MappedFile::FromMemory(std::move(bytes), "input"));
    for (const weights::TensorInfo& info : file.tensors()) {
      const Tensor tensor = file.Get(info.name);
      Hold(tensor.shape() == info.shape && tensor.bytes() == info.bytes, "the tensor is not what its entry says");
      Touch(tensor);
    }
    return true;
  } catch (const Error&) {
    return false;
  }
}

inline bool ReadSafetensors(std::string bytes) { return ReadTensors<weights::SafetensorsFile>(std::move(bytes)); }

// A checkpoint of torch.save: tensors inside their storages, whatever else its pickle builds.
inline bool ReadPyTorch(std::string bytes) { return ReadTensors<weights::PyTorchFile>(std::move(bytes)); }

}  // namespace tessera::fuzz
