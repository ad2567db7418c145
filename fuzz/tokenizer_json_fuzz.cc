#include <cstddef>
#include <cstdint>

#include "fuzz/tokenizer_readers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::ReadTokenizerJson({reinterpret_cast<const char*>(data), size});
  return 0;
}
