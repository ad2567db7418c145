#include "tessera/kernels/reference/dequantize_blocks.h"

namespace tessera::kernels::reference {
namespace {

// The 4-bit code of value i in 16 bytes that pair values 16 apart.
int Nibble16(const uint8_t* qs, int i) { return qs[i % 16] >> (4 * (i / 16)) & 15; }

// The fifth bit of value i.
int HighBit(const uint8_t* qh, int i) { return qh[i / 8] >> (i % 8) & 1; }

// The 2-bit field of value i in 64 bytes: two halves of 128 values, four values 32 apart in a byte.
int TwoBits(const uint8_t* qs, int i) { return qs[i / 128 * 32 + i % 32] >> (2 * (i % 128 / 32)) & 3; }

// The 4-bit code of value i in 128 bytes: four groups of 64 values, two values 32 apart in a byte.
int Nibble64(const uint8_t* qs, int i) { return qs[i / 64 * 32 + i % 32] >> (4 * (i % 64 / 32)) & 15; }

}  // namespace

void DequantizeBlock(const BlockQ4_0& block, float* x) {
  const float d = static_cast<float>(block.d);
  for (int i = 0; i < kSmallBlock; ++i) x[i] = d * static_cast<float>(Nibble16(block.qs, i) - 8);
}

void DequantizeBlock(const BlockQ4_1& block, float* x) {
  const float d = static_cast<float>(block.d), m = static_cast<float>(block.m);
  for (int i = 0; i < kSmallBlock; ++i) x[i] = d * static_cast<float>(Nibble16(block.qs, i)) + m;
}

void DequantizeBlock(const BlockQ5_0& block, float* x) {
  const float d = static_cast<float>(block.d);
  for (int i = 0; i < kSmallBlock; ++i) {
    const int q = Nibble16(block.qs, i) | HighBit(block.qh, i) << 4;
    x[i] = d * static_cast<float>(q - 16);
  }
}

void DequantizeBlock(const BlockQ5_1& block, float* x) {
  const float d = static_cast<float>(block.d), m = static_cast<float>(block.m);
  for (int i = 0; i < kSmallBlock; ++i) {
    const int q = Nibble16(block.qs, i) | HighBit(block.qh, i) << 4;
    x[i] = d * static_cast<float>(q) + m;
  }
}

void DequantizeBlock(const BlockQ8_0& block, float* x) {
  const float d = static_cast<float>(block.d);
  for (int i = 0; i < kSmallBlock; ++i) x[i] = d * static_cast<float>(block.qs[i]);
}

void DequantizeBlock(const BlockQ2_K& block, float* x) {
  const float d = static_cast<float>(block.d), dmin = static_cast<float>(block.dmin);
  for (int i = 0; i < kSuperBlock; ++i) {
    const float scale = d * static_cast<float>(block.scales[i / 16] & 15);
    const float min = dmin * static_cast<float>(block.scales[i / 16] >> 4);
    x[i] = scale * static_cast<float>(TwoBits(block.qs, i)) - min;
  }
}

void DequantizeBlock(const BlockQ3_K& block, float* x) {
  const float d = static_cast<float>(block.d);
  for (int i = 0; i < kSuperBlock; ++i) {
    const float scale = d * static_cast<float>(GetScale(block, i / 16));
    const int q = TwoBits(block.qs, i) | (block.hmask[i % 32] >> (i / 32) & 1) << 2;
    x[i] = scale * static_cast<float>(q - 4);
  }
}

void DequantizeBlock(const BlockQ4_K& block, float* x) {
  const float d = static_cast<float>(block.d), dmin = static_cast<float>(block.dmin);
  for (int i = 0; i < kSuperBlock; ++i) {
    const ScaleAndMin part = GetScaleAndMin(block.scales, i / 32);
    const float scale = d * static_cast<float>(part.scale), min = dmin * static_cast<float>(part.min);
    x[i] = scale * static_cast<float>(Nibble64(block.qs, i)) - min;
  }
}

void DequantizeBlock(const BlockQ5_K& block, float* x) {
  const float d = static_cast<float>(block.d), dmin = static_cast<float>(block.dmin);
  for (int i = 0; i < kSuperBlock; ++i) {
    const ScaleAndMin part = GetScaleAndMin(block.scales, i / 32);
    const float scale = d * static_cast<float>(part.scale), min = dmin * static_cast<float>(part.min);
    const int q = Nibble64(block.qs, i) | (block.qh[i % 32] >> (i / 32) & 1) << 4;
    x[i] = scale * static_cast<float>(q) - min;
  }
}

void DequantizeBlock(const BlockQ6_K& block, float* x) {
  const float d = static_cast<float>(block.d);
  for (int i = 0; i < kSuperBlock; ++i) {
    const float scale = d * static_cast<float>(block.scales[i / 16]);
    const int low = block.ql[i / 128 * 64 + i % 64] >> (4 * (i % 128 / 64)) & 15;
    const int q = low | TwoBits(block.qh, i) << 4;
    x[i] = scale * static_cast<float>(q - 32);
  }
}

void DequantizeBlock(const BlockQ8_K& block, float* x) {
  for (int i = 0; i < kSuperBlock; ++i) x[i] = block.d * static_cast<float>(block.qs[i]);
}

void DequantizeBlock(const BlockIQ4_NL& block, float* x) {
  const float d = static_cast<float>(block.d);
  for (int i = 0; i < kSmallBlock; ++i) x[i] = d * static_cast<float>(kIQ4Levels[Nibble16(block.qs, i)]);
}

void DequantizeBlock(const BlockIQ4_XS& block, float* x) {
  const float d = static_cast<float>(block.d);
  for (int i = 0; i < kSuperBlock; ++i) {
    const int p = i / 32;
    const int low = block.scales_l[p / 2] >> (4 * (p % 2)) & 15, high = block.scales_h >> (2 * p) & 3;
    const float scale = d * static_cast<float>((low | high << 4) - 32);
    x[i] = scale * static_cast<float>(kIQ4Levels[Nibble16(block.qs + 16 * p, i % 32)]);
  }
}

}  // namespace tessera::kernels::reference
