#include <cstdint>

#include "fuzz/parse_arguments.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::ParseArguments({reinterpret_cast<const char*>(data), size});
  return 0;
}
