#pragma once
// How much memory the program asked for: this program's operator new counts.

#include <cstdint>

namespace tessera {

// Starts a new measurement: the peak becomes what is allocated now.
void StartMeasuring();
// The most bytes that were allocated at once since then, beyond what was allocated at its start.
int64_t PeakBytes();

}  // namespace tessera
