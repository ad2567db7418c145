#pragma once
// Rows of 32-bit words turned into columns.

#include <cstddef>
#include <cstdint>

namespace tessera::kernels {

// out[u · columns + r] = word u of row r, for `row_count` rows of `units` words; columns >= row_count.
void TransposeWords(const std::byte* const* rows, int row_count, int64_t units, int64_t columns, std::byte* out);

}  // namespace tessera::kernels
