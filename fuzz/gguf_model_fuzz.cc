// Reads arbitrary bytes as a GGUF file with its vocabulary and chat template, and runs its model.

#include <cstddef>
#include <cstdint>

#include "fuzz/gguf_mutator.h"
#include "fuzz/model_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::ReadGgufModel({reinterpret_cast<const char*>(data), size});
  return 0;
}
