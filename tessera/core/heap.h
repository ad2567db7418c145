#pragma once
// The C library's heap.

namespace tessera {

// Gives the system what the library keeps of small blocks that were freed: after work that took many, such as loading a
// vocabulary. Does nothing where the library has no such call.
void TrimHeap();

}  // namespace tessera
