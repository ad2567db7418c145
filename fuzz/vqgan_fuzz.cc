// Reads arbitrary bytes as the vqgan.yaml of an image tokenizer.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/read_vqgan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::ReadVqGan({reinterpret_cast<const char*>(data), size});
  return 0;
}
