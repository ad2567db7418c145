#pragma once
// The inner loop of the simulation, one text for every instruction set.

#include <array>
#include <cstdint>

namespace tessera::math::walk {

inline constexpr int kWalkers = 16, kStreams = 4, kMaxDimensions = 8;  // of one group: each stream serves four walkers
inline constexpr int64_t kChunkSteps = 16'000;  // |position| and the counts stay within 16 bits; even, as returns are

struct StepsGroup {
  alignas(32) std::array<std::array<uint64_t, kStreams>, 4> state;                 // of xoshiro256++
  alignas(32) std::array<std::array<int16_t, kWalkers>, kMaxDimensions> position;  // relative to no origin but 0
  alignas(32) std::array<int16_t, kWalkers> maximum;                               // of position[0]
  alignas(32) std::array<int16_t, kWalkers> returns;                               // visits to 0, added to
};

// `steps` steps of +1 with chance p / 2^32, else -1. steps <= kChunkSteps.
void StepOnLine(StepsGroup& group, int64_t steps, uint64_t p);
// `steps` steps on the lattice of 2 … 8 dimensions.
void StepOnLattice(StepsGroup& group, int64_t steps, int dimensions);

}  // namespace tessera::math::walk
