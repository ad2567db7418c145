// Reads arbitrary bytes as a checkpoint of torch.save.

#include <cstddef>
#include <cstdint>

#include "fuzz/read_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::ReadPyTorch({reinterpret_cast<const char*>(data), size});
  return 0;
}
