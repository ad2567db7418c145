// Reads arbitrary bytes as the files of a model's folder, and runs the model.

#include <cstddef>
#include <cstdint>

#include "fuzz/model_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::ReadModelFolder({reinterpret_cast<const char*>(data), size});
  return 0;
}
