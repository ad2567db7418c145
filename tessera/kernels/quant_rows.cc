#include "tessera/kernels/quant_rows.h"

#include <cstring>

#include "tessera/core/error.h"
#include "tessera/kernels/quant_blocks.h"
#include "tessera/kernels/reference/dequantize_blocks.h"
#include "tessera/kernels/reference/quantize_blocks.h"
#include "tessera/kernels/reference/quantize_k.h"

namespace tessera::kernels {
namespace {

// Copies in and out, because a row in a file may start anywhere.
template <typename Block>
void DequantizeBlocks(const std::byte* row, std::span<float> out) {
  const size_t block_size = static_cast<size_t>(Info(kDTypeOfBlock<Block>).block_size);
  for (size_t begin = 0; begin < out.size(); begin += block_size, row += sizeof(Block)) {
    Block block;
    std::memcpy(&block, row, sizeof(Block));
    reference::DequantizeBlock(block, out.data() + begin);
  }
}

template <typename Block>
void QuantizeBlocks(std::span<const float> in, std::byte* row) {
  const size_t block_size = static_cast<size_t>(Info(kDTypeOfBlock<Block>).block_size);
  for (size_t begin = 0; begin < in.size(); begin += block_size, row += sizeof(Block)) {
    Block block;
    reference::QuantizeBlock(in.data() + begin, block);
    std::memcpy(row, &block, sizeof(Block));
  }
}

template <typename T>
void FromPlain(const std::byte* row, std::span<float> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, row + i * sizeof(T), sizeof(T));
    out[i] = static_cast<float>(value);
  }
}

template <typename T>
void ToPlain(std::span<const float> in, std::byte* row) {
  for (size_t i = 0; i < in.size(); ++i) {
    const T value(in[i]);
    std::memcpy(row + i * sizeof(T), &value, sizeof(T));
  }
}

void RequireWholeBlocks(DType dtype, size_t count) {
  const DTypeInfo& info = Info(dtype);
  Require(count % static_cast<size_t>(info.block_size) == 0, "{} row: {} values are not whole blocks of {}", info.name,
          count, info.block_size);
}

}  // namespace

void DequantizeRow(DType dtype, const std::byte* row, std::span<float> out) {
  RequireWholeBlocks(dtype, out.size());
  switch (dtype) {
    case DType::kF64:
      return FromPlain<double>(row, out);
    case DType::kF32:
      return FromPlain<float>(row, out);
    case DType::kF16:
      return FromPlain<Float16>(row, out);
    case DType::kBF16:
      return FromPlain<BFloat16>(row, out);
    case DType::kQ4_0:
      return DequantizeBlocks<BlockQ4_0>(row, out);
    case DType::kQ4_1:
      return DequantizeBlocks<BlockQ4_1>(row, out);
    case DType::kQ5_0:
      return DequantizeBlocks<BlockQ5_0>(row, out);
    case DType::kQ5_1:
      return DequantizeBlocks<BlockQ5_1>(row, out);
    case DType::kQ8_0:
      return DequantizeBlocks<BlockQ8_0>(row, out);
    case DType::kQ2_K:
      return DequantizeBlocks<BlockQ2_K>(row, out);
    case DType::kQ3_K:
      return DequantizeBlocks<BlockQ3_K>(row, out);
    case DType::kQ4_K:
      return DequantizeBlocks<BlockQ4_K>(row, out);
    case DType::kQ5_K:
      return DequantizeBlocks<BlockQ5_K>(row, out);
    case DType::kQ6_K:
      return DequantizeBlocks<BlockQ6_K>(row, out);
    case DType::kQ8_K:
      return DequantizeBlocks<BlockQ8_K>(row, out);
    case DType::kIQ4_NL:
      return DequantizeBlocks<BlockIQ4_NL>(row, out);
    case DType::kIQ4_XS:
      return DequantizeBlocks<BlockIQ4_XS>(row, out);
    default:
      Fail("dequantize: {} values are not weights; expected a float or a block format", Name(dtype));
  }
}

bool CanQuantize(DType dtype) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ8_0:
    case DType::kQ2_K:
    case DType::kQ3_K:
    case DType::kQ4_K:
    case DType::kQ5_K:
    case DType::kQ6_K:
    case DType::kQ8_K:
    case DType::kIQ4_NL:
    case DType::kIQ4_XS:
      return true;
    default:
      return false;
  }
}

void QuantizeRow(DType dtype, std::span<const float> in, std::byte* row) {
  RequireWholeBlocks(dtype, in.size());
  switch (dtype) {
    case DType::kF32:
      return ToPlain<float>(in, row);
    case DType::kF16:
      return ToPlain<Float16>(in, row);
    case DType::kBF16:
      return ToPlain<BFloat16>(in, row);
    case DType::kQ4_0:
      return QuantizeBlocks<BlockQ4_0>(in, row);
    case DType::kQ4_1:
      return QuantizeBlocks<BlockQ4_1>(in, row);
    case DType::kQ5_0:
      return QuantizeBlocks<BlockQ5_0>(in, row);
    case DType::kQ5_1:
      return QuantizeBlocks<BlockQ5_1>(in, row);
    case DType::kQ8_0:
      return QuantizeBlocks<BlockQ8_0>(in, row);
    case DType::kQ2_K:
      return QuantizeBlocks<BlockQ2_K>(in, row);
    case DType::kQ3_K:
      return QuantizeBlocks<BlockQ3_K>(in, row);
    case DType::kQ4_K:
      return QuantizeBlocks<BlockQ4_K>(in, row);
    case DType::kQ5_K:
      return QuantizeBlocks<BlockQ5_K>(in, row);
    case DType::kQ6_K:
      return QuantizeBlocks<BlockQ6_K>(in, row);
    case DType::kQ8_K:
      return QuantizeBlocks<BlockQ8_K>(in, row);
    case DType::kIQ4_NL:
      return QuantizeBlocks<BlockIQ4_NL>(in, row);
    case DType::kIQ4_XS:
      return QuantizeBlocks<BlockIQ4_XS>(in, row);
    default:
      Fail("quantize: values cannot be written as {}; expected f32, f16, bf16 or a block format", Name(dtype));
  }
}

}  // namespace tessera::kernels
