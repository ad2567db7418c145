#pragma once
// The order of a packed weight [N, K]. Sixteen rows make a panel, and a panel keeps the values that one vector
// instruction needs side by side, one lane a row, so that a product never sums across lanes and needs no other copy of
// the weight. Rows after the last are padded with zeros.
//
//   f32, f16   [K][16]          value k of all sixteen rows, then value k + 1
//   bf16       [K/2][16][2]     pairs of values, as the processor's dot product of pairs wants them; odd K: a zero more
//
//   block formats: records of 32 values of each row
//
//     Q4_0 … Q8_0, IQ4_NL   record = [ d 16×f16 | m 16×f16 if the format has it | low bits | high bits ]
//     Q2_K … Q6_K, IQ4_XS   [ d 16×f16 | dmin 16×f16 if it has it ] and then eight records
//                           record = [ scales 16×8 bit, twice for Q3_K and Q6_K | mins 16×8 bit if any | low | high ]
//                           Q2_K's scale and minimum share a byte, | min:4 | scale:4 |, twice
//
//     A record's codes are eight groups of 64 bytes, one for four values of K: byte 4r + i of group j is the code of
//     row r, value 4j + i.
//       low bits, 4 a code: byte b of 256 = | byte b of groups 4…7:4 | byte b of groups 0…3:4 |    (8 a code: the
//       groups)
//       low or high bits, 2 a code: byte b of 128 = | group j+3:2 | j+2:2 | j+1:2 | j:2 |, j = 0 for the first 64,
//       4 for the rest
//       high bits, 1 a code: bit b of the j-th 64-bit number belongs to byte b of group j
//
// The bytes are those of the file, only moved, except that 6-bit scales of the K formats take 8 bits (3 to 4% more).

#include <bit>
#include <cstdint>

#include "tessera/core/dtype.h"

namespace tessera::kernels {

inline constexpr int kPanelRows = 16;    // rows of the weight in a panel
inline constexpr int kBlockValues = 32;  // values of K in a record of a block format
inline constexpr int kSuperRecords = 8;  // records below one header

// How a block format lies in a panel. A value is scale · (code - zero) + minimum.
struct PanelFormat {
  int low_bits = 0;      // 2, 4 or 8; 0: not a format that integer products know
  int high_bits = 0;     // 0, 1 or 2
  int zero = 0;          // of the unsigned code that is multiplied (after `levels`)
  int parts = 1;         // scales in a record
  bool minimum = false;  // the format has minimums
  bool super = false;    // scales are integers in units of a header's d
  bool shared = false;   // a part's integer scale and minimum share a byte
  bool levels = false;   // codes are indices of kIQ4Levels; level + 128 is multiplied

  // What products take off a code: the zero or, in formats with minimums, the middle of the codes, so that what is left
  // for the minimum is small.
  constexpr int centre() const { return minimum ? 1 << (low_bits + high_bits - 1) : zero; }
  constexpr int code_bytes() const { return low_bits * 64 + high_bits * 64; }
  constexpr int header_bytes() const { return super ? 32 * (minimum ? 2 : 1) : 0; }
  constexpr int scale_bytes() const {
    return super ? 16 * (parts + (minimum && !shared ? 1 : 0)) : 32 * (minimum ? 2 : 1);
  }
  constexpr int record_bytes() const { return scale_bytes() + code_bytes(); }
  constexpr int64_t panel_bytes(int64_t records) const {
    return records * record_bytes() + (super ? records / kSuperRecords * header_bytes() : 0);
  }
  // Offset of record `index`, or of the header when the record is the first below one.
  constexpr int64_t offset(int64_t index) const { return panel_bytes(index); }
};

constexpr PanelFormat PanelFormatOf(DType dtype) {
  switch (dtype) {
    case DType::kQ4_0:
      return {.low_bits = 4, .zero = 8};
    case DType::kQ4_1:
      return {.low_bits = 4, .minimum = true};
    case DType::kQ5_0:
      return {.low_bits = 4, .high_bits = 1, .zero = 16};
    case DType::kQ5_1:
      return {.low_bits = 4, .high_bits = 1, .minimum = true};
    case DType::kQ8_0:
      return {.low_bits = 8, .zero = 128};
    case DType::kQ2_K:
      return {.low_bits = 2, .parts = 2, .minimum = true, .super = true, .shared = true};
    case DType::kQ3_K:
      return {.low_bits = 2, .high_bits = 1, .zero = 4, .parts = 2, .super = true};
    case DType::kQ4_K:
      return {.low_bits = 4, .minimum = true, .super = true};
    case DType::kQ5_K:
      return {.low_bits = 4, .high_bits = 1, .minimum = true, .super = true};
    case DType::kQ6_K:
      return {.low_bits = 4, .high_bits = 2, .zero = 32, .parts = 2, .super = true};
    case DType::kIQ4_NL:
      return {.low_bits = 4, .zero = 128, .levels = true};
    case DType::kIQ4_XS:
      return {.low_bits = 4, .zero = 128, .super = true, .levels = true};
    default:
      return {};
  }
}

inline bool HasIntegerPanels(DType dtype) { return PanelFormatOf(dtype).low_bits > 0; }
inline bool HasFloatPanels(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
}

// Bytes of one panel of a weight with K = `inputs` in that dtype.
inline int64_t PanelBytes(DType dtype, int64_t inputs) {
  if (HasIntegerPanels(dtype)) return PanelFormatOf(dtype).panel_bytes(inputs / kBlockValues);
  const int64_t padded = dtype == DType::kBF16 ? (inputs + 1) / 2 * 2 : inputs;
  return padded * Info(dtype).block_bytes * kPanelRows;
}

inline int64_t PanelCount(int64_t outputs) { return (outputs + kPanelRows - 1) / kPanelRows; }

}  // namespace tessera::kernels
