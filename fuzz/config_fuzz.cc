// Reads arbitrary bytes as a model's config.json.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/read_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::ReadConfig({reinterpret_cast<const char*>(data), size});
  return 0;
}
