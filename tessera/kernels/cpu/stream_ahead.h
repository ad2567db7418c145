#pragma once
// How far ahead of a stream through memory its reader asks for it.

#include <cstdint>

namespace tessera::kernels {

// In bytes; 0: not at all, the processor's own prefetchers do it better. That is so on Zen 3 and 4, which drop requests
// when the buffers of their first-level cache's misses are full; Zen 5 reads packed weights up to 30 % faster with them
// (docs/products.md, "One row"). TESSERA_STREAM_AHEAD=BYTES says otherwise; throws Error if it is no number from 0 to
// 1048576.
int64_t StreamAhead();

}  // namespace tessera::kernels
