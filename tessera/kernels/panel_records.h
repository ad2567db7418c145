#pragma once
// One row's share of a panel's record, taken from a GGUF block or put back into one. Plain loops: a weight is packed
// once.

#include <cstddef>
#include <cstdint>

#include "tessera/core/dtype.h"
#include "tessera/kernels/panel_layout.h"

namespace tessera::kernels {

// 32 values of one row.
struct RowRecord {
  uint8_t codes[32];       // unsigned; Q8_0's are shifted by 128
  uint16_t d = 0, m = 0;   // bits of the block's f16 scale and minimum; of a format of 256 values, d and dmin
  uint8_t scales[2] = {};  // formats of 256 values: the parts' integer scales (signed ones as int8)
  uint8_t minimum = 0;
};

// Record `index` of a row of GGUF blocks. WriteRowRecord is its inverse, for rows whose records are written in order.
RowRecord ReadRowRecord(DType dtype, const std::byte* row, int64_t index);
void WriteRowRecord(DType dtype, const RowRecord& record, std::byte* row, int64_t index);

// Lane `lane` of record `index` of a packed panel.
RowRecord GetRecord(DType dtype, const uint8_t* panel, int64_t index, int lane);
// The panel's bytes must be zero before its lanes are put.
void PutRecord(DType dtype, const RowRecord& record, uint8_t* panel, int64_t index, int lane);

}  // namespace tessera::kernels
