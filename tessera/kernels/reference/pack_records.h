#pragma once
// Packing in plain words (kernels/panel_records.h): what the vector form must write, byte for byte.

#include <cstring>

#include "tessera/kernels/panel_records.h"
#include "tessera/kernels/quant_blocks.h"

namespace tessera::kernels::reference {

void PackRecords(DType dtype, const PanelSource& rows, int64_t begin, int64_t end, uint8_t* out);

// The floats of a row's block: d, and m or dmin behind all rows' d.
template <typename Block>
void PutFloats(const Block& block, int lane, uint8_t* place) {
  std::memcpy(place + 2 * lane, &block.d, 2);
  if constexpr (requires { block.m; }) std::memcpy(place + 32 + 2 * lane, &block.m, 2);
  if constexpr (requires { block.dmin; }) std::memcpy(place + 32 + 2 * lane, &block.dmin, 2);
}

// A row's integer scales and minimum of one part of a block of 256 values.
template <typename Block>
void PutScales(const Block& block, int part, int lane, uint8_t* record) {
  if constexpr (std::is_same_v<Block, BlockQ2_K>) {
    for (int p = 0; p < 2; ++p) record[16 * p + lane] = block.scales[2 * part + p];
  } else if constexpr (std::is_same_v<Block, BlockQ3_K>) {
    for (int p = 0; p < 2; ++p) record[16 * p + lane] = static_cast<uint8_t>(GetScale(block, 2 * part + p));
  } else if constexpr (requires { block.dmin; }) {
    const ScaleAndMin s = GetScaleAndMin(block.scales, part);
    record[lane] = static_cast<uint8_t>(s.scale);
    record[16 + lane] = static_cast<uint8_t>(s.min);
  } else if constexpr (std::is_same_v<Block, BlockQ6_K>) {
    record[lane] = static_cast<uint8_t>(block.scales[2 * part]);
    record[16 + lane] = static_cast<uint8_t>(block.scales[2 * part + 1]);
  } else if constexpr (std::is_same_v<Block, BlockIQ4_XS>) {
    const int low = block.scales_l[part / 2] >> (part % 2 * 4) & 15, high = block.scales_h >> (2 * part) & 3;
    record[lane] = static_cast<uint8_t>((low | high << 4) - 32);
  }
}

}  // namespace tessera::kernels::reference
