#pragma once
// Records between GGUF's blocks, row by row, and a panel, sixteen rows side by side (kernels/panel_layout.h).
//
// Packing happens to every weight at every start, so it moves whole words, in vectors where there are any: the four
// codes that a row gives to a group are one word of the panel (kernels/cpu/pack_records.cc; plainly in
// kernels/reference/). Unpacking serves single rows and goes through plain codes.

#include <array>
#include <cstddef>
#include <cstdint>

#include "tessera/core/dtype.h"
#include "tessera/kernels/panel_layout.h"

namespace tessera::kernels {

// The sixteen rows of GGUF blocks that a panel is made of; null where the weight has no such row.
using PanelSource = std::array<const std::byte*, kPanelRows>;

// Records begin … end - 1 of a panel, headers included: format.panel_bytes(end - begin) bytes. Of a format with headers
// both ends are whole super-blocks.
void PackRecords(DType dtype, const PanelSource& rows, int64_t begin, int64_t end, uint8_t* out);

// Float panels: unit k of row r at out + (16 k + r) unit_bytes, for k < count. All sixteen rows are there; a unit has 2
// or 4 bytes.
void InterleaveRows(const PanelSource& rows, int64_t unit_bytes, int64_t count, std::byte* out);

// 32 values of one row.
struct RowRecord {
  uint8_t codes[32];      // unsigned; Q8_0's are shifted by 128
  uint16_t d = 0, m = 0;  // bits of the block's f16 scale and minimum; of a format of 256 values, d and dmin
  uint8_t scales[2] =
      {};               // formats of 256 values: the parts' integer scales (signed ones as int8, Q2_K's with minimum)
  uint8_t minimum = 0;  // of the formats that do not keep it beside the scale
};

// Lane `lane` of record `index` of a packed panel.
RowRecord GetRecord(DType dtype, const uint8_t* panel, int64_t index, int lane);
// Makes it record `index` of a row of GGUF blocks; the row's records are written in order.
void WriteRowRecord(DType dtype, const RowRecord& record, std::byte* row, int64_t index);

}  // namespace tessera::kernels
