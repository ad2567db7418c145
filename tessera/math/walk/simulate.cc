#include "tessera/math/walk/simulate.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "tessera/core/random.h"
#include "tessera/core/thread_pool.h"
#include "tessera/math/errors.h"
#include "tessera/math/walk/simulate_steps.h"

namespace tessera::math::walk {
namespace {

// One group through all its steps, in chunks that fit 16 bits. A coordinate farther than a chunk from 0 cannot come to
// 0 within it, so it may run from a nearer place as well.
class GroupWalk {
 public:
  GroupWalk(uint64_t seed, int64_t index, int dimensions) : dimensions_(static_cast<size_t>(dimensions)) {
    Random random(seed, static_cast<uint64_t>(index));
    for (auto& words : group_.state)
      for (uint64_t& word : words) word = random.Next64();
    for (auto& axis : position) axis.fill(0);
    maximum.fill(0);
    returns.fill(0);
  }

  void Run(int64_t steps, uint64_t p) {
    for (int64_t done = 0; done < steps; done += kChunkSteps) RunChunk(std::min(kChunkSteps, steps - done), p);
  }

  std::array<std::array<int64_t, kWalkers>, kMaxDimensions> position;
  std::array<int64_t, kWalkers> maximum, returns;

 private:
  size_t dimensions_;
  StepsGroup group_;

  void RunChunk(int64_t steps, uint64_t p) {
    auto start = group_.position;
    for (size_t axis = 0; axis < dimensions_; ++axis)
      for (size_t i = 0; i < kWalkers; ++i)
        start[axis][i] =
            static_cast<int16_t>(std::clamp<int64_t>(position[axis][i], -kChunkSteps - 2, kChunkSteps + 2));
    group_.position = start;
    group_.maximum = start[0];
    group_.returns.fill(0);
    if (dimensions_ == 1) {
      StepOnLine(group_, steps, p);
    } else {
      StepOnLattice(group_, steps, static_cast<int>(dimensions_));
    }
    for (size_t i = 0; i < kWalkers; ++i) {
      maximum[i] = std::max(maximum[i], position[0][i] + group_.maximum[i] - start[0][i]);
      returns[i] += group_.returns[i];
      for (size_t axis = 0; axis < dimensions_; ++axis) position[axis][i] += group_.position[axis][i] - start[axis][i];
    }
  }
};

void Add(std::vector<int64_t>& into, const std::vector<int64_t>& counts) {
  for (size_t i = 0; i < counts.size(); ++i) into[i] += counts[i];
}

void RequireRange(const SimulateOptions& o) {
  if (o.dimensions < 1 || o.dimensions > kMaxDimensions)
    FailInput("domain", "simulate: {} dimensions are not within 1 … {}", o.dimensions, kMaxDimensions);
  if (o.walkers < 1 || o.walkers > 1'000'000'000)
    FailInput("domain", "simulate: {} walkers are not within 1 … 10^9", o.walkers);
  if (o.steps < 0 || o.steps > 100'000'000) FailInput("domain", "simulate: {} steps are not within 0 … 10^8", o.steps);
  if (o.dimensions > 1 && o.p != Rational(1, 2)) FailInput("domain", "simulate: p is for one dimension");
}

}  // namespace

Simulated Simulate(const SimulateOptions& o) {
  RequireRange(o);
  const auto p = static_cast<uint64_t>(std::nearbyint(o.p.ToDouble() * 0x1p32));
  const auto places = static_cast<size_t>(o.steps) + 1;
  Simulated total{.walkers = o.walkers,
                  .steps = o.steps,
                  .p = Rational(Integer(static_cast<int64_t>(p)), Power(Integer(2), 32)),
                  .ups = std::vector<int64_t>(o.dimensions == 1 ? places : 0),
                  .maximum = std::vector<int64_t>(o.dimensions == 1 ? places : 0),
                  .returns = std::vector<int64_t>(places / 2 + 1)};
  const int64_t groups = (o.walkers + kWalkers - 1) / kWalkers;
  const int64_t grain = std::max<int64_t>(1, groups / 64);
  __extension__ using Wide = unsigned __int128;
  Wide squares = 0;
  std::mutex mutex;  // sums of whole numbers do not depend on the order
  ParallelForRange(groups, grain, [&](int64_t begin, int64_t end) {
    Simulated part{.ups = std::vector<int64_t>(total.ups.size()),
                   .maximum = std::vector<int64_t>(total.maximum.size()),
                   .returns = std::vector<int64_t>(total.returns.size())};
    Wide part_squares = 0;
    for (int64_t index = begin; index < end; ++index) {
      GroupWalk group(o.seed, index, o.dimensions);
      group.Run(o.steps, p);
      const auto count = static_cast<size_t>(std::min<int64_t>(kWalkers, o.walkers - index * kWalkers));
      for (size_t i = 0; i < count; ++i) {
        ++part.returns[static_cast<size_t>(group.returns[i])];
        for (size_t axis = 0; axis < static_cast<size_t>(o.dimensions); ++axis)
          part_squares += static_cast<Wide>(group.position[axis][i] * group.position[axis][i]);
        if (o.dimensions > 1) continue;
        ++part.ups[static_cast<size_t>((group.position[0][i] + o.steps) / 2)];
        ++part.maximum[static_cast<size_t>(group.maximum[i])];
      }
    }
    const std::lock_guard lock(mutex);
    Add(total.ups, part.ups);
    Add(total.maximum, part.maximum);
    Add(total.returns, part.returns);
    squares += part_squares;
  });
  total.mean_square = static_cast<double>(squares) / static_cast<double>(o.walkers);
  return total;
}

}  // namespace tessera::math::walk
