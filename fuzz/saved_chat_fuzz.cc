// Reads arbitrary bytes as a saved conversation.

#include <cstddef>
#include <cstdint>

#include "fuzz/read_lines.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::ReadConversation({reinterpret_cast<const char*>(data), size});
  return 0;
}
