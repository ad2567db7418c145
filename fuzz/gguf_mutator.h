#pragma once
// Half of the mutations of a GGUF file change one number of its header, so that they get past the first checks.
// For fuzzers alone: it defines libFuzzer's hook.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/mutate_fields.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  if (seed % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  std::string bytes(reinterpret_cast<const char*>(data), size);
  // SplitMix64 spreads the seed over 64 bits.
  uint64_t random = (seed + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u;
  random ^= random >> 31;
  tessera::fuzz::MutateGgufField(bytes, tessera::fuzz::GgufFields::Find(bytes), random);
  const size_t kept = std::min(bytes.size(), max_size);
  std::copy_n(bytes.data(), kept, data);
  return kept;
}
