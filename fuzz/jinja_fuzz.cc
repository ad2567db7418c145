// Reads arbitrary bytes as a chat template with its variables, and renders it.

#include <cstddef>
#include <cstdint>

#include "fuzz/render_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::fuzz::RenderTemplate({reinterpret_cast<const char*>(data), size});
  return 0;
}
