// Packing in vectors of 16 bytes: four rows' words of a group change places in registers, so a record costs about as
// many loads and stores as it has 16 bytes. The same on every instruction set that has such vectors.

#include "tessera/kernels/reference/pack_records.h"

#include <cstring>
#include <type_traits>

#include "tessera/kernels/panel_records.h"
#include "tessera/kernels/quant_blocks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tessera/kernels/cpu/pack_records.cc"
#include "tessera/kernels/cpu/targets.h"
// foreach_target.h reads this file again, so it comes after what that needs.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR

void PackRecordsOf(DType dtype, const PanelSource& rows, int64_t begin, int64_t end, uint8_t* out) {
  reference::PackRecords(dtype, rows, begin, end, out);
}

int64_t InterleaveWhole(const std::byte* const*, int64_t, int64_t, std::byte*) { return 0; }

#else
namespace hn = hwy::HWY_NAMESPACE;

using Bytes = hn::FixedTag<uint8_t, 16>;
using Halves = hn::FixedTag<uint16_t, 8>;
using Words = hn::FixedTag<uint32_t, 4>;
using Pairs = hn::FixedTag<uint64_t, 2>;
using Vector = hn::Vec<Bytes>;

// Of four rows, or of four words.
struct Four {
  Vector at[4];
  HWY_INLINE Vector& operator[](size_t i) { return at[i]; }
  HWY_INLINE const Vector& operator[](size_t i) const { return at[i]; }
};

HWY_INLINE Vector Load(const void* from) { return hn::LoadU(Bytes(), static_cast<const uint8_t*>(from)); }

// Word j of four rows side by side, for each j.
HWY_INLINE Four Transposed(const Four& rows) {
  const auto words = [&](size_t r) HWY_ATTR { return hn::BitCast(Words(), rows[r]); };
  const auto pairs = [](auto v) HWY_ATTR { return hn::BitCast(Pairs(), v); };
  const auto bytes = [](auto v) HWY_ATTR { return hn::BitCast(Bytes(), v); };
  const auto low01 = pairs(hn::InterleaveLower(Words(), words(0), words(1)));
  const auto low23 = pairs(hn::InterleaveLower(Words(), words(2), words(3)));
  const auto high01 = pairs(hn::InterleaveUpper(Words(), words(0), words(1)));
  const auto high23 = pairs(hn::InterleaveUpper(Words(), words(2), words(3)));
  return {{bytes(hn::InterleaveLower(Pairs(), low01, low23)), bytes(hn::InterleaveUpper(Pairs(), low01, low23)),
           bytes(hn::InterleaveLower(Pairs(), high01, high23)), bytes(hn::InterleaveUpper(Pairs(), high01, high23))}};
}

HWY_INLINE void StoreTransposed(const Four& rows, uint8_t* out, int64_t stride) {
  const Four words = Transposed(rows);
  for (size_t j = 0; j < 4; ++j) hn::StoreU(words[j], Bytes(), out + static_cast<int64_t>(j) * stride);
}

// Nibbles of 32 bytes, low ones or high ones, as the panel has them: those of the second 16 bytes above the first's.
HWY_INLINE Vector LowNibbles(Vector first, Vector second) {
  return hn::Or(hn::And(first, hn::Set(Bytes(), 15)), hn::ShiftLeft<4>(second));
}
HWY_INLINE Vector HighNibbles(Vector first, Vector second) {
  return hn::Or(hn::ShiftRight<4>(first), hn::And(second, hn::Set(Bytes(), 0xf0)));
}

// The words 4 begin … 4 begin + 3 that a row gives to a record's low bits.
template <typename Block>
HWY_INLINE Vector LowBits(const Block& block, int part, int begin) {
  if constexpr (std::is_same_v<Block, BlockQ8_0>) {
    return hn::Xor(Load(block.qs + 16 * begin), hn::Set(Bytes(), 0x80));
  } else if constexpr (std::is_same_v<Block, BlockQ4_K> || std::is_same_v<Block, BlockQ5_K>) {
    const Vector first = Load(block.qs + part / 2 * 32), second = Load(block.qs + part / 2 * 32 + 16);
    return part % 2 == 0 ? LowNibbles(first, second) : HighNibbles(first, second);
  } else if constexpr (std::is_same_v<Block, BlockQ6_K>) {
    const uint8_t* ql = block.ql + 64 * (part / 4) + part % 2 * 32;
    return part % 4 < 2 ? LowNibbles(Load(ql), Load(ql + 16)) : HighNibbles(Load(ql), Load(ql + 16));
  } else if constexpr (std::is_same_v<Block, BlockIQ4_XS>) {
    return Load(block.qs + 16 * part);
  } else {
    static_assert(sizeof(block.qs) == 16);  // the file's nibbles lie as the panel's do
    return Load(block.qs);
  }
}

// Bit k: the highest bit of code k.
template <typename Block>
HWY_INLINE uint32_t HighestBits(const Block& block, int part) {
  uint32_t bits = 0;
  const auto gather = [&](const uint8_t* from) HWY_ATTR {  // bit `part` of 32 bytes
    const Vector bit = hn::Set(Bytes(), static_cast<uint8_t>(1 << part));
    for (size_t i = 0; i < 2; ++i) {
      uint8_t stored[8];  // as many as the call may write
      hn::StoreMaskBits(Bytes(), hn::TestBit(Load(from + 16 * i), bit), stored);
      bits |= static_cast<uint32_t>(stored[0] | stored[1] << 8) << (16 * i);
    }
  };
  if constexpr (std::is_same_v<Block, BlockQ5_K>) {
    gather(block.qh);
  } else if constexpr (std::is_same_v<Block, BlockQ3_K>) {
    gather(block.hmask);
  } else if constexpr (requires { block.qh; }) {
    std::memcpy(&bits, block.qh, 4);
  }
  return bits;
}

// out[j], j = 0 … 7: nibble j of sixteen words, one behind the other.
HWY_INLINE void StoreNibbles(const uint32_t* words, uint8_t* out) {
  alignas(16) static constexpr uint8_t kByteOfFour[16] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
  alignas(16) static constexpr uint8_t kEvenThenOdd[16] = {0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15};
  Four rows;
  for (size_t i = 0; i < 4; ++i) rows[i] = hn::TableLookupBytes(Load(words + 4 * i), Load(kByteOfFour));
  const Four bytes = Transposed(rows);  // bytes[b]: byte b of each word
  const Halves d;
  for (size_t b = 0; b < 4; ++b) {
    const auto two = hn::BitCast(d, bytes[b]);  // x0 | x1 << 8; wanted: their low nibbles, and their high ones above
    const auto low = hn::Or(hn::And(two, hn::Set(d, 0x000f)), hn::And(hn::ShiftRight<4>(two), hn::Set(d, 0x00f0)));
    const auto high = hn::Or(hn::And(hn::ShiftLeft<4>(two), hn::Set(d, 0x0f00)), hn::And(two, hn::Set(d, 0xf000)));
    const Vector both = hn::BitCast(Bytes(), hn::Or(low, high));
    hn::StoreU(hn::TableLookupBytes(both, Load(kEvenThenOdd)), Bytes(), out + 16 * b);
  }
}

// Codes of two bits that lie as in Q2_K, part `part` of four rows' 32: out + 64 h has those of codes 16 h … 16 h + 15,
// word by word; byte i of a row's word holds codes i, 4 + i, 8 + i and 12 + i of them.
HWY_INLINE void StoreTwoBits(const uint8_t* const* rows, int part, uint8_t* out) {
  const Words d;
  for (int h = 0; h < 2; ++h) {
    Four four;
    for (size_t i = 0; i < 4; ++i) four[i] = Load(rows[i] + 32 * (part / 4) + 16 * h);
    const Four words = Transposed(four);
    auto bits = hn::Zero(d);
    for (size_t j = 0; j < 4; ++j) {
      const auto two = hn::ShiftRightSame(hn::BitCast(d, words[j]), part % 4 * 2);
      bits = hn::Or(bits, hn::ShiftLeftSame(hn::And(two, hn::Set(d, 0x03030303)), static_cast<int>(2 * j)));
    }
    hn::StoreU(hn::BitCast(Bytes(), bits), Bytes(), out + 64 * h);
  }
}

// The low and high bits of a record.
template <typename Block>
HWY_INLINE void PackCodes(const Block* const* rows, int part, uint8_t* out) {
  constexpr PanelFormat kFormat = PanelFormatOf(kDTypeOfBlock<Block>);
  uint8_t* high = out + 64 * kFormat.low_bits;
  for (size_t q = 0; q < kPanelRows; q += 4) {
    if constexpr (kFormat.low_bits == 2) {
      const uint8_t* const four[] = {rows[q]->qs, rows[q + 1]->qs, rows[q + 2]->qs, rows[q + 3]->qs};
      StoreTwoBits(four, part, out + 4 * q);
    } else {
      for (int begin = 0; begin < kFormat.low_bits / 4; ++begin) {
        Four four;
        for (size_t i = 0; i < 4; ++i) four[i] = LowBits(*rows[q + i], part, begin);
        StoreTransposed(four, out + 256 * begin + 4 * q, 64);
      }
    }
    if constexpr (kFormat.high_bits == 2) {
      const uint8_t* const four[] = {rows[q]->qh, rows[q + 1]->qh, rows[q + 2]->qh, rows[q + 3]->qh};
      StoreTwoBits(four, part, high + 4 * q);
    }
  }
  if constexpr (kFormat.high_bits == 1) {
    uint32_t bits[kPanelRows];
    for (size_t r = 0; r < kPanelRows; ++r) bits[r] = HighestBits(*rows[r], part);
    StoreNibbles(bits, high);
  }
}

template <typename Block>
void PackBlocks(const std::byte* const* rows, int64_t begin, int64_t end, uint8_t* out) {
  constexpr PanelFormat kFormat = PanelFormatOf(kDTypeOfBlock<Block>);
  constexpr int kParts = kFormat.super ? kSuperRecords : 1;
  const Block none = {};  // of rows that the weight does not have
  for (int64_t index = begin; index < end; index += kParts) {
    const Block* blocks[kPanelRows];
    for (int r = 0; r < kPanelRows; ++r)
      blocks[r] = rows[r] == nullptr ? &none : reinterpret_cast<const Block*>(rows[r]) + index / kParts;
    for (int r = 0; r < kPanelRows; ++r) reference::PutFloats(*blocks[r], r, out);
    if (kFormat.super) out += kFormat.header_bytes();
    for (int part = 0; part < kParts; ++part, out += kFormat.record_bytes()) {
      for (int r = 0; r < kPanelRows; ++r) reference::PutScales(*blocks[r], part, r, out);
      PackCodes(blocks, part, out + kFormat.scale_bytes());
    }
  }
}

void PackRecordsOf(DType dtype, const PanelSource& rows, int64_t begin, int64_t end, uint8_t* out) {
  WithIntegerBlock(dtype, [&]<typename Block>(Block) HWY_ATTR { PackBlocks<Block>(rows.data(), begin, end, out); });
}

// Units of whole vectors, from the first on; how many those are.
int64_t InterleaveWhole(const std::byte* const* rows, int64_t unit_bytes, int64_t count, std::byte* out) {
  uint8_t* to = reinterpret_cast<uint8_t*>(out);
  const int64_t step = 16 / unit_bytes, line = kPanelRows * unit_bytes;
  int64_t k = 0;
  for (; k + step <= count; k += step, to += 16 * kPanelRows) {
    if (unit_bytes == 4) {
      for (size_t q = 0; q < kPanelRows; q += 4) {
        Four four;
        for (size_t i = 0; i < 4; ++i) four[i] = Load(rows[q + i] + 4 * k);
        StoreTransposed(four, to + 4 * q, line);
      }
      continue;
    }
    for (size_t q = 0; q < kPanelRows; q += 8) {  // units of two rows make words, and those change places
      Four first, last;
      for (size_t i = 0; i < 4; ++i) {
        const auto even = hn::BitCast(Halves(), Load(rows[q + 2 * i] + 2 * k));
        const auto odd = hn::BitCast(Halves(), Load(rows[q + 2 * i + 1] + 2 * k));
        first[i] = hn::BitCast(Bytes(), hn::InterleaveLower(Halves(), even, odd));
        last[i] = hn::BitCast(Bytes(), hn::InterleaveUpper(Halves(), even, odd));
      }
      StoreTransposed(first, to + 2 * q, line);
      StoreTransposed(last, to + 4 * line + 2 * q, line);
    }
  }
  return k;
}

#endif
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tessera::kernels {

HWY_EXPORT(PackRecordsOf);
HWY_EXPORT(InterleaveWhole);

void PackRecords(DType dtype, const PanelSource& rows, int64_t begin, int64_t end, uint8_t* out) {
  TESSERA_DISPATCH(PackRecordsOf)(dtype, rows, begin, end, out);
}

void InterleaveRows(const PanelSource& rows, int64_t unit_bytes, int64_t count, std::byte* out) {
  for (int64_t k = TESSERA_DISPATCH(InterleaveWhole)(rows.data(), unit_bytes, count, out); k < count; ++k) {
    for (size_t r = 0; r < kPanelRows; ++r)
      std::memcpy(out + (k * kPanelRows + static_cast<int64_t>(r)) * unit_bytes, rows[r] + k * unit_bytes,
                  static_cast<size_t>(unit_bytes));
  }
}

}  // namespace tessera::kernels
#endif
