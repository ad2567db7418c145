#pragma once
// Parallel loops over a pool of threads that live as long as the process.
//
//   ParallelFor(rows, [&](int64_t row) { … });          // every row once, on any thread
//
// The caller works too, so a pool of n threads starts n - 1. A loop starts and joins within a few microseconds: idle
// threads spin briefly before they sleep. Which thread does which index is not fixed, so a body must not depend on it:
// results are the same for any number of threads because every index writes its own place in a fixed order.
// Loops may be started from several threads at once, and inside a loop's body (that inner loop runs on its caller).

#include <concepts>
#include <cstdint>

namespace tessera {

// What a loop does, somewhere that outlives the loop: unlike std::function this neither copies nor allocates, which a
// token's hundreds of loops would notice.
template <typename... Indices>
class LoopBody {
 public:
  LoopBody() = default;  // of no loop
  template <std::invocable<Indices...> F>
  LoopBody(const F& body)  // not explicit: loops are called with lambdas
      : body_(&body), call_([](const void* f, Indices... i) { (*static_cast<const F*>(f))(i...); }) {}
  void operator()(Indices... i) const { call_(body_, i...); }

 private:
  const void* body_ = nullptr;
  void (*call_)(const void*, Indices...) = nullptr;
};

// Threads that a parallel loop uses, the caller included. The default is TESSERA_THREADS, else the CPUs this process
// may run on.
int ThreadCount();
// Changes it; 1 means that every loop runs on its caller. Throws Error unless 1 <= count <= 1024. Not during a loop.
void SetThreadCount(int count);

// Calls body(i) for 0 <= i < count, each once, and returns when all are done. An exception in a body is rethrown here
// after the others ended (the one of the lowest index wins).
void ParallelFor(int64_t count, const LoopBody<int64_t>& body);

// Calls body(begin, end) for consecutive pieces of at most `grain` indices that cover 0 … count - 1.
void ParallelForRange(int64_t count, int64_t grain, const LoopBody<int64_t, int64_t>& body);

}  // namespace tessera
