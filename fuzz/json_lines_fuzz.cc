// Reads arbitrary bytes as JSON lines.

#include <cstddef>
#include <cstdint>

#include "fuzz/read_lines.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::ReadJsonLines({reinterpret_cast<const char*>(data), size});
  return 0;
}
