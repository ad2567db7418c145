// Reads arbitrary bytes as a gguf file.

#include <cstddef>
#include <cstdint>

#include "fuzz/gguf_mutator.h"
#include "fuzz/read_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::ReadGguf({reinterpret_cast<const char*>(data), size});
  return 0;
}
