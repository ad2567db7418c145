#include "tessera/kernels/panel_records.h"

#include <cstring>

#include "tessera/kernels/quant_blocks.h"

namespace tessera::kernels {
namespace {

template <typename Block>
void WriteNibbles(Block& block, int, const uint8_t* codes) {
  for (int i = 0; i < 16; ++i) block.qs[i] = static_cast<uint8_t>((codes[i] & 15) | (codes[i + 16] & 15) << 4);
}

void SetBits(uint8_t& byte, int shift, int mask, int value) {
  byte = static_cast<uint8_t>((byte & ~(mask << shift)) | (value & mask) << shift);
}

// Writes the 32 codes of part `part` of a block; `part` is 0 for blocks of 32 values.
template <typename Block>
void WriteCodes(Block& block, int part, const uint8_t* codes) {
  if constexpr (std::is_same_v<Block, BlockQ8_0>) {
    for (int i = 0; i < 32; ++i) block.qs[i] = static_cast<int8_t>(codes[i] ^ 0x80);
  } else if constexpr (std::is_same_v<Block, BlockQ4_K> || std::is_same_v<Block, BlockQ5_K>) {
    for (int i = 0; i < 32; ++i) SetBits(block.qs[part / 2 * 32 + i], part % 2 * 4, 15, codes[i]);
    if constexpr (std::is_same_v<Block, BlockQ5_K>) {
      for (int i = 0; i < 32; ++i) SetBits(block.qh[i], part, 1, codes[i] >> 4);
    }
  } else if constexpr (std::is_same_v<Block, BlockQ6_K>) {
    const int half = part / 4, quarter = part % 4;
    for (int i = 0; i < 32; ++i) {
      SetBits(block.ql[64 * half + quarter % 2 * 32 + i], quarter / 2 * 4, 15, codes[i]);
      SetBits(block.qh[32 * half + i], 2 * quarter, 3, codes[i] >> 4);
    }
  } else if constexpr (std::is_same_v<Block, BlockQ2_K> || std::is_same_v<Block, BlockQ3_K>) {
    for (int i = 0; i < 32; ++i) SetBits(block.qs[part / 4 * 32 + i], part % 4 * 2, 3, codes[i]);
    if constexpr (std::is_same_v<Block, BlockQ3_K>) {
      for (int i = 0; i < 32; ++i) SetBits(block.hmask[i], part, 1, codes[i] >> 2);
    }
  } else if constexpr (std::is_same_v<Block, BlockIQ4_XS>) {
    for (int i = 0; i < 16; ++i)
      block.qs[16 * part + i] = static_cast<uint8_t>((codes[i] & 15) | (codes[i + 16] & 15) << 4);
  } else {
    WriteNibbles(block, part, codes);
    if constexpr (std::is_same_v<Block, BlockQ5_0> || std::is_same_v<Block, BlockQ5_1>) {
      for (int i = 0; i < 32; ++i) SetBits(block.qh[i / 8], i % 8, 1, codes[i] >> 4);
    }
  }
}

// The inverse of GetScaleAndMin.
void SetScaleAndMin(uint8_t* scales, int p, int scale, int minimum) {
  if (p < 4) {
    SetBits(scales[p], 0, 63, scale);
    SetBits(scales[p + 4], 0, 63, minimum);
  } else {
    scales[p + 4] = static_cast<uint8_t>((scale & 15) | (minimum & 15) << 4);
    SetBits(scales[p - 4], 6, 3, scale >> 4);
    SetBits(scales[p], 6, 3, minimum >> 4);
  }
}

// The inverse of GetScale.
void SetScale(BlockQ3_K& block, int p, int scale) {
  SetBits(block.scales[p % 8], p / 8 * 4, 15, scale + 32);
  SetBits(block.scales[8 + p % 4], p / 4 * 2, 3, (scale + 32) >> 4);
}

template <typename Block>
void Write(const RowRecord& record, std::byte* row, int64_t index) {
  constexpr bool kSuper = PanelFormatOf(kDTypeOfBlock<Block>).super;
  std::byte* place = row + (kSuper ? index / kSuperRecords : index) * static_cast<int64_t>(sizeof(Block));
  Block block;
  std::memcpy(&block, place, sizeof(Block));
  const int part = kSuper ? static_cast<int>(index % kSuperRecords) : 0;
  WriteCodes(block, part, record.codes);
  block.d.bits = record.d;
  if constexpr (requires { block.m; }) block.m.bits = record.m;
  if constexpr (requires { block.dmin; }) block.dmin.bits = record.m;
  if constexpr (std::is_same_v<Block, BlockQ2_K>) {
    for (int p = 0; p < 2; ++p) block.scales[2 * part + p] = record.scales[p];
  } else if constexpr (std::is_same_v<Block, BlockQ3_K>) {
    for (int p = 0; p < 2; ++p) SetScale(block, 2 * part + p, static_cast<int8_t>(record.scales[p]));
  } else if constexpr (requires { block.dmin; }) {
    SetScaleAndMin(block.scales, part, record.scales[0], record.minimum);
  } else if constexpr (std::is_same_v<Block, BlockQ6_K>) {
    block.scales[2 * part] = static_cast<int8_t>(record.scales[0]);
    block.scales[2 * part + 1] = static_cast<int8_t>(record.scales[1]);
  } else if constexpr (std::is_same_v<Block, BlockIQ4_XS>) {
    const int scale = static_cast<int8_t>(record.scales[0]) + 32;
    SetBits(block.scales_l[part / 2], part % 2 * 4, 15, scale);
    block.scales_h = static_cast<uint16_t>((block.scales_h & ~(3 << (2 * part))) | (scale >> 4 & 3) << (2 * part));
  }
  std::memcpy(place, &block, sizeof(Block));
}

// Where a record's fields lie in its panel.
struct RecordPlace {
  int64_t d, m, scales, minimum, low, high;
};
RecordPlace PlaceOf(const PanelFormat& format, int64_t index) {
  RecordPlace place;
  int64_t record = format.offset(index);
  if (format.super) {
    const int64_t header = format.offset(index / kSuperRecords * kSuperRecords);
    place.d = header;
    record = header + format.header_bytes() + index % kSuperRecords * format.record_bytes();
    place.scales = record;
    place.minimum = record + 16 * format.parts;
  } else {
    place.d = record;
    place.scales = place.minimum = 0;
  }
  place.m = place.d + 32;
  place.low = record + format.scale_bytes();
  place.high = place.low + 64 * format.low_bits;
  return place;
}

}  // namespace

void WriteRowRecord(DType dtype, const RowRecord& record, std::byte* row, int64_t index) {
  WithIntegerBlock(dtype, [&]<typename Block>(Block) { Write<Block>(record, row, index); });
}

RowRecord GetRecord(DType dtype, const uint8_t* panel, int64_t index, int lane) {
  const PanelFormat format = PanelFormatOf(dtype);
  const RecordPlace place = PlaceOf(format, index);
  RowRecord record;
  std::memcpy(&record.d, panel + place.d + 2 * lane, 2);
  if (format.minimum) std::memcpy(&record.m, panel + place.m + 2 * lane, 2);
  if (format.super) {
    for (int p = 0; p < format.parts; ++p) record.scales[p] = panel[place.scales + 16 * p + lane];
    if (format.minimum && !format.shared) record.minimum = panel[place.minimum + lane];
  }
  const uint8_t* low = panel + place.low;
  const uint8_t* high = panel + place.high;
  for (int k = 0; k < 32; ++k) {
    const int group = k / 4, byte = 4 * lane + k % 4;
    const auto two_bits = [&](const uint8_t* bits) { return bits[64 * (group / 4) + byte] >> (2 * (group % 4)) & 3; };
    int code = format.low_bits == 8   ? low[64 * group + byte]
               : format.low_bits == 4 ? low[64 * (group % 4) + byte] >> (group / 4 * 4) & 15
                                      : two_bits(low);
    if (format.high_bits == 1) code |= (high[8 * group + byte / 8] >> (byte % 8) & 1) << format.low_bits;
    if (format.high_bits == 2) code |= two_bits(high) << format.low_bits;
    record.codes[k] = static_cast<uint8_t>(code);
  }
  return record;
}

}  // namespace tessera::kernels
