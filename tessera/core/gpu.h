#pragma once
// The GPU as tensors see it: memory, copies, and the one stream that all work of this process goes to, in order.
//
// A build without CUDA has the same functions: `Available` is false there and the others throw Error.

#include <cstddef>
#include <cstdint>
#include <memory>

struct CUstream_st;

namespace tessera::gpu {

// A CUDA stream (cudaStream_t).
using Stream = CUstream_st*;

// Whether this build speaks CUDA and a Hopper GPU (compute capability 9.0) is there.
bool Available();
// Throws Error that says what is missing, unless Available().
void RequireAvailable();
// The stream of all work and copies. What was given to it first is done first.
Stream WorkStream();
// Waits for all work; throws Error if any of it failed.
void Synchronize();

// `bytes` bytes on the GPU, at a multiple of 256, their values unset. What is freed is reused by later work in the
// stream's order, so nobody waits for it. Throws Error if the GPU has no room.
std::shared_ptr<std::byte> Allocate(int64_t bytes);
// The same in the host's memory, where the GPU's copies are fastest and do not make the host wait.
std::shared_ptr<std::byte> AllocatePinned(int64_t bytes);

// Copies to the GPU, from it, and within it. The first two wait for their end; work that comes later sees the copy.
void CopyIn(std::byte* gpu, const std::byte* host, int64_t bytes);
void CopyOut(std::byte* host, const std::byte* gpu, int64_t bytes);
void CopyWithin(std::byte* to, const std::byte* from, int64_t bytes);
// From pinned memory, without waiting: `host` must not change before the stream has passed it.
void CopyInLater(std::byte* gpu, const std::byte* host, int64_t bytes);
void CopyOutLater(std::byte* host, const std::byte* gpu, int64_t bytes);
void FillZeros(std::byte* gpu, int64_t bytes);

// Memory that a recorded graph works in: while a `Use` lives, this thread's Allocate takes from the pool and what it
// frees goes back there, never to others. The pool must outlive the graph and the tensors made meanwhile.
class Pool {
 public:
  Pool();
  ~Pool();
  class Use {
   public:
    explicit Use(const Pool& pool);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    std::shared_ptr<void> before_;
  };

 private:
  std::shared_ptr<void> blocks_;
};

// Work that was recorded once and is given to the GPU many times, in one call.
class Graph {
 public:
  void Launch() const;

 private:
  friend class Recording;
  std::shared_ptr<void> executable_;
};

// Records what is given to WorkStream() meanwhile, instead of doing it. That work neither waits nor copies to or from
// the host (but by CopyInLater and CopyOutLater).
//
//   Recording recording;
//   … work …
//   const Graph first = recording.Take();
//   … more work …
//   const Graph second = recording.Take();
class Recording {
 public:
  Recording();
  ~Recording();  // forgets what was not taken
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  // What was given since the last Take.
  Graph Take();
};

// What body() gives, as one graph.
template <typename Body>
Graph Recorded(Body&& body) {
  Recording recording;
  body();
  return recording.Take();
}

}  // namespace tessera::gpu
