#pragma once
// Weights in registers. A lane's piece of a row is 16 bytes (32 of f32), loaded at once; neighbouring lanes have
// neighbouring pieces. Four lanes' pieces are a group: kBlocks blocks of 32 values, of which lane t of the four has
// values 8t … 8t + 7 of each. block_weight.h draws this for codes; in a row of bf16 or f32 it holds as it is, with one
// block a group.
//
// Codes become pairs of bf16, which hold them exactly, without a conversion instruction: bits placed below an exponent
// are a number, from which the exponent's own value is taken off.
//
//   bf16 0x4300 | q         128 + q         q in 0 … 127
//   bf16 0x4380             256             = 0x4300 | 0x80: the sign bit of a byte is the lowest bit of the exponent

#include <cstdint>

#include "tessera/core/dtype.h"
#include "tessera/kernels/cuda/lanes.cuh"

namespace tessera::kernels::cuda {

// Where a weight lies, and how its rows follow each other.
struct WeightView {
  const unsigned char* values = nullptr;  // f32, bf16 or codes
  const unsigned char* scales = nullptr;  // of blocks
  int row_bytes = 0, scale_row_bytes = 0;
  int64_t rows = 0;

  struct Row {
    const unsigned char *values, *scales;
    int bytes;
  };
  TESSERA_LANE Row At(int64_t row) const {
    Row r{values + row * row_bytes, scales + row * scale_row_bytes, row_bytes};
    // Else the compiler adds up these three terms at every load anew.
    KeepAddress(r.values);
    KeepAddress(r.scales);
    return r;
  }
};

// Values 2i and 2i + 1 of eight in the low and the high half of pair[i], in bf16.
struct EightPairs {
  uint32_t pair[4];
};

TESSERA_LANE float LowFloat(uint32_t pair) { return FloatOf(pair << 16); }
TESSERA_LANE float HighFloat(uint32_t pair) { return FloatOf(pair & 0xffff0000u); }

// Two bytes of a word, which `selector` puts into the lower bytes of the halves, as signed numbers q:
// (128 + (q & 127)) - (128 or, below zero, 256).
TESSERA_LANE uint32_t SignedBytePair(uint32_t word, uint32_t selector) {
  const uint32_t bytes = PermuteBytes(word, selector);
  return SubtractPairs(UnderExponent(bytes, 0x007f007fu), UnderExponent(bytes, 0x00800080u));
}
TESSERA_LANE EightPairs SignedBytes(uint32_t first, uint32_t second) {
  // Byte 4 of the permutation's eight is 0: the upper byte of each half.
  return {{SignedBytePair(first, 0x4140), SignedBytePair(first, 0x4342), SignedBytePair(second, 0x4140),
           SignedBytePair(second, 0x4342)}};
}

// Eight codes of four bits, less `offset`, which is a pair of 128 + the offset.
TESSERA_LANE EightPairs Nibbles(uint32_t word, uint32_t offset) {
  EightPairs pairs;
  TESSERA_UNROLLED
  for (int i = 0; i < 4; ++i) pairs.pair[i] = SubtractPairs(UnderExponent(word >> (4 * i), 0x000f000fu), offset);
  return pairs;
}

// Each format says: kPieceBytes a lane has of a group; kBlocks of 32 values a group has; and for the eight values of
// block b in a lane's piece, their pairs (bf16 weights and codes), and the scale and minimum that the block has in the
// weight's row: a value is scale · code + minimum.
struct BF16Format {
  static constexpr int kPieceBytes = 16, kBlocks = 1;
  static constexpr bool kScaled = false, kMinimum = false, kPairs = true;
  TESSERA_LANE static EightPairs Pairs(const uint4& piece, int) { return {{piece.x, piece.y, piece.z, piece.w}}; }
};
struct F32Format {
  static constexpr int kPieceBytes = 32, kBlocks = 1;
  static constexpr bool kScaled = false, kMinimum = false, kPairs = false;
};
struct Q8Format {
  static constexpr int kPieceBytes = 16, kBlocks = 2, kScaleBytes = 2;
  static constexpr bool kScaled = true, kMinimum = false, kPairs = true;
  TESSERA_LANE static EightPairs Pairs(const uint4& piece, int b) {
    return b == 0 ? SignedBytes(piece.x, piece.y) : SignedBytes(piece.z, piece.w);
  }
};
struct Q4Format {
  static constexpr int kPieceBytes = 16, kBlocks = 4, kScaleBytes = 2;
  static constexpr bool kScaled = true, kMinimum = false, kPairs = true;
  TESSERA_LANE static EightPairs Pairs(const uint4& piece, int b) {
    return Nibbles(b == 0 ? piece.x : b == 1 ? piece.y : b == 2 ? piece.z : piece.w, 0x43084308u);  // 136
  }
};
struct Q4MinimumFormat {
  static constexpr int kPieceBytes = 16, kBlocks = 4, kScaleBytes = 4;
  static constexpr bool kScaled = true, kMinimum = true, kPairs = true;
  TESSERA_LANE static EightPairs Pairs(const uint4& piece, int b) {
    return Nibbles(b == 0 ? piece.x : b == 1 ? piece.y : b == 2 ? piece.z : piece.w, 0x43004300u);  // 128
  }
};

// A lane's piece of a row, and the scales of its group's blocks. What lies past the row's end is zero.
template <class Format>
struct Piece {
  static constexpr int kLoads = Format::kPieceBytes / 16;
  static constexpr int kScaleWords = Format::kScaled ? 4 * Format::kBlocks * (Format::kMinimum ? 2 : 1) / 8 : 1;
  uint4 bytes[kLoads];
  uint32_t scales[kScaleWords];  // pairs of f16

  // Piece `index` of the row: that of lane index % 4 in group index / 4.
  TESSERA_LANE void Load(const WeightView::Row& row, int index) {
    const int at = index * Format::kPieceBytes;
    const bool inside = at < row.bytes;
    TESSERA_UNROLLED
    for (int i = 0; i < kLoads; ++i) {
      bytes[i] = make_uint4(0, 0, 0, 0);
      if (inside) bytes[i] = LoadStreaming(row.values + static_cast<uint32_t>(at + 16 * i));
    }
    if constexpr (Format::kScaled) {
      const unsigned char* from = row.scales + static_cast<uint32_t>(index / 4 * (4 * kScaleWords));
      TESSERA_UNROLLED
      for (int i = 0; i < kScaleWords; ++i) scales[i] = 0;
      if (inside) LoadScales(from, scales);
    }
  }

  TESSERA_LANE EightPairs Pairs(int b) const { return Format::Pairs(bytes[0], b); }
  TESSERA_LANE float Scale(int b) const { return Half(Format::kMinimum ? 2 * b : b); }
  TESSERA_LANE float Minimum(int b) const { return Half(2 * b + 1); }

  // The eight values of block b in f32, as kernels::DequantizeRow gives them.
  TESSERA_LANE void Values(int b, float (&out)[8]) const {
    if constexpr (Format::kPairs) {
      const EightPairs pairs = Pairs(b);
      TESSERA_UNROLLED
      for (int i = 0; i < 4; ++i) out[2 * i] = LowFloat(pairs.pair[i]), out[2 * i + 1] = HighFloat(pairs.pair[i]);
      if constexpr (Format::kScaled) {
        const float scale = Scale(b), minimum = Format::kMinimum ? Minimum(b) : 0.0f;
        TESSERA_UNROLLED
        for (int i = 0; i < 8; ++i) out[i] = Format::kMinimum ? fmaf(scale, out[i], minimum) : scale * out[i];
      }
    } else {
      TESSERA_UNROLLED
      for (int i = 0; i < 2; ++i) {
        out[4 * i] = FloatOf(bytes[i].x), out[4 * i + 1] = FloatOf(bytes[i].y);
        out[4 * i + 2] = FloatOf(bytes[i].z), out[4 * i + 3] = FloatOf(bytes[i].w);
      }
    }
  }

 private:
  TESSERA_LANE float Half(int i) const {
    const uint32_t word = scales[i / 2];
    return FloatOfHalf(static_cast<uint16_t>(i % 2 == 0 ? word & 0xffffu : word >> 16));
  }
};

// body(Format{}) with the format of a weight on the GPU.
template <typename Body>
void WithWeightFormat(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::kF32:
      return body(F32Format{});
    case DType::kBF16:
      return body(BF16Format{});
    case DType::kQ8_0:
      return body(Q8Format{});
    case DType::kQ4_0:
      return body(Q4Format{});
    default:
      return body(Q4MinimumFormat{});
  }
}

}  // namespace tessera::kernels::cuda
