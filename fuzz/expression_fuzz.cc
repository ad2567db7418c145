// Reads arbitrary bytes as a formula.

#include <cstddef>
#include <cstdint>

#include "fuzz/parse_expression.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::ParseExpression({reinterpret_cast<const char*>(data), size});
  return 0;
}
