#include "tests/mutate/allocation_meter.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<int64_t> live = 0, peak = 0, start = 0;

void Count(void* memory) {
  const int64_t now = live += static_cast<int64_t>(malloc_usable_size(memory));
  int64_t seen = peak;
  while (now > seen && !peak.compare_exchange_weak(seen, now)) {
  }
}

void Free(void* memory) {
  if (memory == nullptr) return;
  live -= static_cast<int64_t>(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

void* operator new(size_t bytes) {
  void* memory = std::malloc(bytes > 0 ? bytes : 1);
  if (memory == nullptr) throw std::bad_alloc();
  Count(memory);
  return memory;
}
// A sanitizer's own would not meet the operator delete below.
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  void* memory = std::malloc(bytes > 0 ? bytes : 1);
  if (memory != nullptr) Count(memory);
  return memory;
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  const auto multiple = static_cast<size_t>(alignment);
  void* memory = std::aligned_alloc(multiple, (std::max(bytes, size_t{1}) + multiple - 1) / multiple * multiple);
  if (memory == nullptr) throw std::bad_alloc();
  Count(memory);
  return memory;
}
void operator delete(void* memory) noexcept { Free(memory); }
void operator delete(void* memory, size_t) noexcept { Free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { Free(memory); }

namespace tessera {

void StartMeasuring() { peak = start = live.load(); }
int64_t PeakBytes() { return peak - start; }

}  // namespace tessera
