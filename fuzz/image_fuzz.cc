// Reads arbitrary bytes as a picture file.

#include <cstddef>
#include <cstdint>

#include "fuzz/read_image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::ReadImage({reinterpret_cast<const char*>(data), size});
  return 0;
}
