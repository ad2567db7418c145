#pragma once
// Runs a test's body under every instruction set that this machine supports, in one process.

#include <gtest/gtest.h>

#include <string>

#include "tessera/core/isa.h"

namespace tessera {

// Calls body(isa) with each supported set live, worst first, and makes the first one live again. Failures name the set.
template <typename Body>
void ForEachIsa(Body&& body) {
  struct Restore {
    Isa before = LiveIsa();
    ~Restore() { ForceIsa(before); }
  } restore;
  for (const Isa isa : SupportedIsas()) {
    ForceIsa(isa);
    SCOPED_TRACE("instruction set " + std::string(Name(isa)));
    body(isa);
  }
}

}  // namespace tessera
