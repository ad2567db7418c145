#include "tessera/math/walk/simulate_steps.h"

#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/math/walk/simulate_steps.cc"
#include "tessera/kernels/cpu/targets.h"
// after targets.h:
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tessera::math::walk::HWY_NAMESPACE {
namespace {

// The compiler's own vectors: every set computes the same, lane for lane.
typedef int16_t Lanes __attribute__((vector_size(32)));
typedef uint16_t Bits __attribute__((vector_size(32)));
typedef uint64_t Words __attribute__((vector_size(32)));

template <typename To, typename From>
HWY_INLINE To Load(const From& from) {
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}

template <typename To, typename From>
HWY_INLINE void Store(const From& from, To& to) {
  __builtin_memcpy(&to, &from, sizeof from);
}

struct Generator {
  Words s0, s1, s2, s3;

  HWY_INLINE explicit Generator(const StepsGroup& group)
      : s0(Load<Words>(group.state[0])),
        s1(Load<Words>(group.state[1])),
        s2(Load<Words>(group.state[2])),
        s3(Load<Words>(group.state[3])) {}

  HWY_INLINE void Save(StepsGroup& group) const {
    Store(s0, group.state[0]);
    Store(s1, group.state[1]);
    Store(s2, group.state[2]);
    Store(s3, group.state[3]);
  }

  HWY_INLINE Words Next() {
    const Words sum = s0 + s3, result = ((sum << 23) | (sum >> 41)) + s0, t = s1 << 17;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = (s3 << 45) | (s3 >> 19);
    return result;
  }

  // Every bit is 1 with chance p / 2^32: p's binary digits from the last, one word each; r <- digit ? u | r : u & r.
  HWY_INLINE Words NextBiased(uint64_t p) {
    if (p == uint64_t{1} << 31) return Next();
    if (p == uint64_t{1} << 32) return ~Words{};
    Words r = {};
    for (int digit = __builtin_ctzll(p | uint64_t{1} << 32); digit < 32; ++digit) {
      const Words u = Next();
      r = (p >> digit & 1) != 0 ? (u | r) : (u & r);
    }
    return r;
  }
};

// One step of every lane: its top bit says where to.
HWY_INLINE void Step(Bits& bits, Lanes& s, Lanes& m) {
  const Lanes set = Lanes(bits) >> 15;  // -1 where the bit is 1, else 0
  s -= set | 1;                         // 1 - 2·bit is -1 or +1; taken away, a 1 is a step up
  m = s > m ? s : m;
  bits <<= 1;
}

void LineSteps(StepsGroup& group, int64_t steps, uint64_t p) {
  Generator generator(group);
  Lanes s = Load<Lanes>(group.position[0]), m = Load<Lanes>(group.maximum), r = Load<Lanes>(group.returns);
  for (int64_t left = steps; left > 0; left -= 16) {
    Bits bits = Bits(generator.NextBiased(p));
    for (int64_t pair = left < 16 ? left / 2 : 8; pair > 0; --pair) {
      Step(bits, s, m);
      Step(bits, s, m);
      r -= s == 0;  // a comparison gives -1; 0 is visited at even times only
    }
    if (left < 16 && left % 2 != 0) Step(bits, s, m);
  }
  Store(s, group.position[0]);
  Store(m, group.maximum);
  Store(r, group.returns);
  generator.Save(group);
}

// The direction is ⌊w · 2d / 2^16⌋ of a lane's word w. Directions k and 2d - 1 - k are opposite, since equally many w
// lead to both.
template <int kDimensions>
HWY_INLINE void LatticeSteps(StepsGroup& group, int64_t steps) {
  Generator generator(group);
  Lanes x[kDimensions], r = Load<Lanes>(group.returns);
  for (int axis = 0; axis < kDimensions; ++axis) x[axis] = Load<Lanes>(group.position[static_cast<size_t>(axis)]);
  for (int64_t step = 0; step < steps; ++step) {
    const Bits word = Bits(generator.Next());
    Lanes away = {}, direction = {};
    for (int k = 1; k < 2 * kDimensions; ++k) {  // counts the bounds below the word
      constexpr int kCount = 2 * kDimensions;
      const auto bound = static_cast<uint16_t>((65536 * k + kCount / 2) / kCount);
      direction -= Lanes(word >= bound);
    }
    for (int axis = 0; axis < kDimensions; ++axis) {
      const auto down = static_cast<int16_t>(2 * kDimensions - 1 - axis);
      x[axis] -= direction == static_cast<int16_t>(axis);
      x[axis] += direction == down;
      away |= x[axis];
    }
    r -= away == 0;
  }
  for (int axis = 0; axis < kDimensions; ++axis) Store(x[axis], group.position[static_cast<size_t>(axis)]);
  Store(r, group.returns);
  generator.Save(group);
}

void LatticeStepsOf(StepsGroup& group, int64_t steps, int dimensions) {
  switch (dimensions) {
    case 2:
      return LatticeSteps<2>(group, steps);
    case 3:
      return LatticeSteps<3>(group, steps);
    case 4:
      return LatticeSteps<4>(group, steps);
    case 5:
      return LatticeSteps<5>(group, steps);
    case 6:
      return LatticeSteps<6>(group, steps);
    case 7:
      return LatticeSteps<7>(group, steps);
    default:
      return LatticeSteps<8>(group, steps);
  }
}

}  // namespace
}  // namespace tessera::math::walk::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::math::walk {

HWY_EXPORT(LineSteps);
HWY_EXPORT(LatticeStepsOf);

void StepOnLine(StepsGroup& group, int64_t steps, uint64_t p) { TESSERA_DISPATCH(LineSteps)(group, steps, p); }
void StepOnLattice(StepsGroup& group, int64_t steps, int dimensions) {
  TESSERA_DISPATCH(LatticeStepsOf)(group, steps, dimensions);
}

}  // namespace tessera::math::walk
#endif
