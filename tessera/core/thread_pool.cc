#include "tessera/core/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tessera/core/error.h"
#include "tessera/core/loop_share.h"

namespace tessera {
namespace {

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

thread_local bool inside_loop = false;

// TESSERA_PIN=1 keeps each thread on one CPU, the i-th thread on the i-th that the process may run on, so that memory
// which a thread wrote first stays on its own node. It helps where the machine is ours alone, and hurts where it is
// not. These are the CPUs, in order; none without it.
std::vector<int> CpusToPin() {
  const char* wanted = std::getenv("TESSERA_PIN");
  if (wanted == nullptr || std::string_view(wanted) != "1") return {};
  static const std::vector<int> cpus = [] {  // asked once: the caller's own pinning narrows what it may run on
    std::vector<int> found;
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return found;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
      if (CPU_ISSET(cpu, &allowed)) found.push_back(cpu);
    return found;
  }();
  return cpus;
}

// Keeps the calling thread on cpus[index], counted round; does nothing without CPUs or where the system refuses.
void PinTo(const std::vector<int>& cpus, size_t index) {
  if (cpus.empty()) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpus[index % cpus.size()], &one);
  sched_setaffinity(0, sizeof(one), &one);
}

// One loop at a time. Thread i of T has a share of its own, pieces ShareBegin(count, i, T) to ShareBegin(count, i + 1,
// T)
// - 1, in this order, and helps the threads behind it when that is done: neighbours in memory stay with one core, the
// same in every loop over the same memory.
//
// Pieces of share i are claimed by compare-and-swap on claims_[i] = epoch << 32 | pieces claimed. Nobody resets these:
// a claim of an older epoch counts as none. A thread that wakes late holds an older epoch itself. Either the word has
// moved on, or it still says that all pieces of that loop are claimed, since the loop would not have ended otherwise;
// so it can never claim a piece of another loop, and nobody waits for threads that did not come.
//
// Cores that share no cache wait half a microsecond for a line that the other one wrote. So what starts a loop is one
// line, which waiting threads watch; the caller's own notes, what threads only read, and what they count lie in others.
class Pool {
 public:
  explicit Pool(int threads) : claims_(static_cast<size_t>(threads)) {
    const std::vector<int> cpus = CpusToPin();
    PinTo(cpus, 0);
    for (int i = 1; i < threads; ++i) {
      workers_.emplace_back([this, cpus, i] {
        PinTo(cpus, static_cast<size_t>(i));
        Work(static_cast<size_t>(i));
      });
    }
  }

  ~Pool() {
    stopping_ = true;
    post_.loop.store(Loop{.epoch = ++epoch_, .pieces = 0}.word());
    wake_.fetch_add(1);
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  int threads() const { return static_cast<int>(claims_.size()); }

  // False if another thread's loop runs now.
  bool Run(uint32_t pieces, const LoopBody<int64_t>& body) {
    const std::unique_lock lock(one_loop_, std::try_to_lock);
    if (!lock) return false;
    error_ = nullptr;
    error_piece_ = std::numeric_limits<uint32_t>::max();
    others_done_.store(0, std::memory_order_relaxed);
    const Loop loop{.epoch = ++epoch_, .pieces = pieces};
    post_.body = body;
    post_.loop.store(loop.word());
    if (sleepers_.load() > 0) {
      wake_.fetch_add(1);
      wake_.notify_all();
    }
    inside_loop = true;
    const uint32_t others = pieces - WorkOn(loop, 0);
    inside_loop = false;
    for (int spins = 0; others_done_.load(std::memory_order_acquire) != others; ++spins) {
      if (spins < 2000)
        Pause();
      else
        std::this_thread::yield();
    }
    if (error_) std::rethrow_exception(error_);
    return true;
  }

 private:
  static constexpr int kSpins = 2000;  // about 50 µs: longer than the gap between two operators of one decoding step

  struct Loop {
    uint32_t epoch, pieces;
    uint64_t word() const { return uint64_t{epoch} << 32 | pieces; }
    static Loop Of(uint64_t word) { return {static_cast<uint32_t>(word >> 32), static_cast<uint32_t>(word)}; }
  };
  struct alignas(64) Post {
    std::atomic<uint64_t> loop{0};
    LoopBody<int64_t> body;  // of that loop; for those who claimed a piece of it
  };
  struct alignas(64) Claims {
    std::atomic<uint64_t> word{0};
  };

  // The next unclaimed piece of a share, if any is left.
  std::optional<uint32_t> Claim(const Loop& loop, size_t share) {
    const auto bound = [&](size_t i) { return static_cast<uint32_t>(ShareBegin(loop.pieces, i, claims_.size())); };
    const uint32_t begin = bound(share), count = bound(share + 1) - begin;
    std::atomic<uint64_t>& word = claims_[share].word;
    uint64_t seen = word.load(std::memory_order_relaxed);
    for (;;) {
      const uint32_t epoch = static_cast<uint32_t>(seen >> 32);
      const int64_t ahead = int64_t{epoch} - int64_t{loop.epoch}, half = int64_t{1} << 31;
      const bool newer = ahead > 0 ? ahead < half : ahead < -half;  // epochs begin again at 0 some day
      const uint32_t claimed = epoch == loop.epoch ? static_cast<uint32_t>(seen) : 0;
      if (newer || claimed >= count) return {};
      const uint64_t next = uint64_t{loop.epoch} << 32 | (claimed + 1);
      if (word.compare_exchange_weak(seen, next, std::memory_order_relaxed)) return begin + claimed;
    }
  }

  // Does what is left of a loop; how many pieces these were.
  uint32_t WorkOn(const Loop& loop, size_t thread) {
    uint32_t done = 0;
    for (size_t i = 0; i < claims_.size(); ++i) {
      const size_t share = (thread + i) % claims_.size();
      while (const std::optional<uint32_t> piece = Claim(loop, share)) {
        RunPiece(*piece);
        ++done;
      }
    }
    return done;
  }

  void RunPiece(uint32_t piece) {
    try {
      post_.body(piece);
    } catch (...) {
      const std::lock_guard lock(error_mutex_);
      if (piece < error_piece_) {
        error_piece_ = piece;
        error_ = std::current_exception();
      }
    }
  }

  void Work(size_t thread) {
    inside_loop = true;
    uint64_t seen = 0;
    while (!stopping_) {
      uint64_t now = post_.loop.load(std::memory_order_acquire);
      for (int spins = 0; now == seen && spins < kSpins; ++spins) {
        Pause();
        now = post_.loop.load(std::memory_order_acquire);
      }
      if (now == seen) {
        Sleep(seen);
        continue;
      }
      seen = now;
      const uint32_t done = WorkOn(Loop::Of(now), thread);
      if (done > 0) others_done_.fetch_add(done, std::memory_order_acq_rel);
    }
  }

  // Until there is another loop than the one seen. Either this thread reads the new loop after it counted itself among
  // the sleepers, or the caller, who wrote the loop first, counts it and changes wake_.
  void Sleep(uint64_t seen) {
    const uint32_t before = wake_.load();
    sleepers_.fetch_add(1);
    if (post_.loop.load() == seen) wake_.wait(before);
    sleepers_.fetch_sub(1);
  }

  // Each group on lines of its own: the caller's, what all read, and what all write.
  std::mutex one_loop_;
  uint32_t epoch_ = 0;
  std::mutex error_mutex_;
  std::exception_ptr error_;
  uint32_t error_piece_ = 0;

  alignas(64) std::vector<Claims> claims_;  // one a thread
  std::vector<std::thread> workers_;
  std::atomic<bool> stopping_{false};

  Post post_;
  alignas(64) std::atomic<uint32_t> others_done_{0};  // pieces of this loop that were not the caller's
  alignas(64) std::atomic<uint32_t> wake_{0};
  std::atomic<int> sleepers_{0};
};

int DefaultThreads() {
  if (const char* text = std::getenv("TESSERA_THREADS")) {
    char* end = nullptr;
    const long count = std::strtol(text, &end, 10);
    Require(end != text && *end == '\0' && count >= 1 && count <= 1024,
            "TESSERA_THREADS: \"{}\" is not a number from 1 to 1024", text);
    return static_cast<int>(count);
  }
  if (const std::vector<int> cpus = CpusToPin(); !cpus.empty()) return static_cast<int>(cpus.size());
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return std::max(1u, std::thread::hardware_concurrency());
}

std::unique_ptr<Pool>& ThePool() {
  static std::unique_ptr<Pool> pool = std::make_unique<Pool>(DefaultThreads());
  return pool;
}

}  // namespace

int ThreadCount() { return ThePool()->threads(); }

void SetThreadCount(int count) {
  Require(count >= 1 && count <= 1024, "threads: {} is not between 1 and 1024", count);
  if (count != ThreadCount()) ThePool() = std::make_unique<Pool>(count);
}

void ParallelFor(int64_t count, const LoopBody<int64_t>& body) {
  if (count <= 0) return;
  Pool* pool = inside_loop || count == 1 ? nullptr : ThePool().get();
  if (pool != nullptr && pool->threads() > 1) {
    constexpr int64_t kMost = int64_t{1} << 30;  // pieces are counted in 32 bits
    if (count > kMost) {
      return ParallelForRange(count, (count + kMost - 1) / kMost, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) body(i);
      });
    }
    if (pool->Run(static_cast<uint32_t>(count), body)) return;
  }
  for (int64_t i = 0; i < count; ++i) body(i);
}

void ParallelForRange(int64_t count, int64_t grain, const LoopBody<int64_t, int64_t>& body) {
  Require(grain >= 1, "parallel loop: a grain of {} is below 1", grain);
  ParallelFor((count + grain - 1) / grain,
              [&](int64_t piece) { body(piece * grain, std::min(count, (piece + 1) * grain)); });
}

}  // namespace tessera
