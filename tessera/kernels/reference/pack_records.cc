#include "tessera/kernels/reference/pack_records.h"

#include <bit>

namespace tessera::kernels::reference {
namespace {

// What one row gives to a record: words[j] holds the codes of group j (and, four bits a code, of group j + 4 in the
// high nibbles; two bits a code, of groups 4j … 4j + 3); `one_bit` the codes' highest bits, bit k for code k;
// two_bits[h] the high bits of groups 4h … 4h + 3, two bits each.
struct RowWords {
  uint32_t words[8];
  uint32_t one_bit;
  uint32_t two_bits[2];
};

template <typename Block>
constexpr bool kNibblesInOrder = requires(Block b) {
  b.qs[0];
}
&&sizeof(Block::qs) == 16;

// The 32 bits number `part` of 32 bytes.
uint32_t GatherBits(const uint8_t* bytes, int part) {
  uint32_t bits = 0;
  for (int i = 0; i < 4; ++i) {
    uint64_t eight;
    std::memcpy(&eight, bytes + 8 * i, 8);
    eight = eight >> part & 0x0101010101010101u;
    bits |= static_cast<uint32_t>(eight * 0x0102040810204080u >> 56) << (8 * i);  // byte k goes to bit 56 + k
  }
  return bits;
}

// Codes of two bits that lie as in Q2_K, part `part` of them, as two words.
void GatherTwoBits(const uint8_t* qs, int part, uint32_t words[2]) {
  const uint8_t* from = qs + 32 * (part / 4);
  const int shift = 2 * (part % 4);
  uint8_t bytes[8];
  for (int h = 0; h < 2; ++h) {
    for (int i = 0; i < 4; ++i) {
      const uint8_t* q = from + 16 * h + i;
      const auto code = [&](int k) { return (q[4 * k] >> shift & 3) << (2 * k); };
      bytes[4 * h + i] = static_cast<uint8_t>(code(0) | code(1) | code(2) | code(3));
    }
  }
  std::memcpy(words, bytes, 8);
}

template <typename Block>
void ReadWords(const Block& block, int part, RowWords& row) {
  uint8_t low[32];
  if constexpr (std::is_same_v<Block, BlockQ8_0>) {
    for (int i = 0; i < 32; ++i) low[i] = static_cast<uint8_t>(block.qs[i]) ^ 0x80;
    std::memcpy(row.words, low, 32);
  } else if constexpr (std::is_same_v<Block, BlockQ4_K> || std::is_same_v<Block, BlockQ5_K>) {
    const uint8_t* qs = block.qs + part / 2 * 32;  // low nibbles: an even part; high ones: the odd part after it
    if (part % 2 == 0) {
      for (int i = 0; i < 16; ++i) low[i] = static_cast<uint8_t>((qs[i] & 15) | qs[i + 16] << 4);
    } else {
      for (int i = 0; i < 16; ++i) low[i] = static_cast<uint8_t>(qs[i] >> 4 | (qs[i + 16] & 0xf0));
    }
    std::memcpy(row.words, low, 16);
    if constexpr (std::is_same_v<Block, BlockQ5_K>) row.one_bit = GatherBits(block.qh, part);
  } else if constexpr (std::is_same_v<Block, BlockQ6_K>) {
    const int half = part / 4, quarter = part % 4;
    const uint8_t* ql = block.ql + 64 * half + quarter % 2 * 32;
    const int low_shift = quarter / 2 * 4;
    for (int i = 0; i < 16; ++i)
      low[i] = static_cast<uint8_t>((ql[i] >> low_shift & 15) | (ql[i + 16] >> low_shift & 15) << 4);
    std::memcpy(row.words, low, 16);
    GatherTwoBits(block.qh, part, row.two_bits);
  } else if constexpr (std::is_same_v<Block, BlockQ2_K> || std::is_same_v<Block, BlockQ3_K>) {
    GatherTwoBits(block.qs, part, row.words);
    if constexpr (std::is_same_v<Block, BlockQ3_K>) row.one_bit = GatherBits(block.hmask, part);
  } else if constexpr (std::is_same_v<Block, BlockIQ4_XS>) {
    std::memcpy(row.words, block.qs + 16 * part, 16);
  } else {
    static_assert(kNibblesInOrder<Block>);  // the file's nibbles lie as the panel's do
    std::memcpy(row.words, block.qs, 16);
    if constexpr (requires { block.qh; }) std::memcpy(&row.one_bit, block.qh, 4);
  }
}

template <typename Block>
void Pack(const PanelSource& rows, int64_t begin, int64_t end, uint8_t* out) {
  constexpr PanelFormat kFormat = PanelFormatOf(kDTypeOfBlock<Block>);
  constexpr int kWords = kFormat.low_bits;  // of a row: 2, 4 or 8
  for (int64_t index = begin; index < end; ++index) {
    const int part = kFormat.super ? static_cast<int>(index % kSuperRecords) : 0;
    const int64_t block_index = kFormat.super ? index / kSuperRecords : index;
    uint8_t* header = out;
    if (kFormat.super && part == 0) out += kFormat.header_bytes();
    uint8_t* low = out + kFormat.scale_bytes();
    uint8_t* high = low + 64 * kFormat.low_bits;
    uint64_t one_bits[8] = {};
    for (int lane = 0; lane < kPanelRows; ++lane) {
      Block block = {};
      if (rows[static_cast<size_t>(lane)] != nullptr)
        std::memcpy(&block, rows[static_cast<size_t>(lane)] + block_index * static_cast<int64_t>(sizeof(Block)),
                    sizeof(Block));
      if (!kFormat.super || part == 0) PutFloats(block, lane, header);
      PutScales(block, part, lane, out);
      RowWords row;
      ReadWords(block, part, row);
      for (int j = 0; j < kWords; ++j) std::memcpy(low + 64 * j + 4 * lane, &row.words[j], 4);
      if constexpr (kFormat.high_bits == 1) {
        for (int j = 0; j < 8; ++j) one_bits[j] |= uint64_t{row.one_bit >> (4 * j) & 15} << (4 * lane);
      }
      if constexpr (kFormat.high_bits == 2) {
        for (int h = 0; h < 2; ++h) std::memcpy(high + 64 * h + 4 * lane, &row.two_bits[h], 4);
      }
    }
    if constexpr (kFormat.high_bits == 1) std::memcpy(high, one_bits, 64);
    out += kFormat.record_bytes();
  }
}

}  // namespace

void PackRecords(DType dtype, const PanelSource& rows, int64_t begin, int64_t end, uint8_t* out) {
  WithIntegerBlock(dtype, [&]<typename Block>(Block) { Pack<Block>(rows, begin, end, out); });
}

}  // namespace tessera::kernels::reference
