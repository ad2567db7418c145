#include "tessera/weights/quantize_calibrated.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tessera/core/error.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/quant_blocks.h"
#include "tessera/kernels/quant_rows.h"
#include "tessera/math/numeric/sequential_least_squares.h"
#include "tessera/weights/quantize_blocks.h"

namespace tessera::weights {
namespace {

// Where the nibble of value j lies in a block, for the formats whose values are rounded one at a time.
struct Nibble {
  size_t byte = 0;
  int shift = 0;
};

bool HasNibbles(DType dtype) { return dtype == DType::kQ4_0 || dtype == DType::kQ4_1 || dtype == DType::kQ4_K; }

Nibble NibbleOf(DType dtype, size_t j) {
  if (dtype == DType::kQ4_K) return {offsetof(kernels::BlockQ4_K, qs) + 32 * (j / 64) + j % 32, j % 64 < 32 ? 0 : 4};
  const size_t first = dtype == DType::kQ4_0 ? offsetof(kernels::BlockQ4_0, qs) : offsetof(kernels::BlockQ4_1, qs);
  return {first + j % 16, j < 16 ? 0 : 4};
}

// The block's values if all its nibbles were `q`: base + step q, found by reading two of them.
void ReadGrid(DType dtype, std::vector<std::byte> block, int q, std::span<float> out) {
  for (size_t j = 0; j < out.size(); ++j) {
    const Nibble place = NibbleOf(dtype, j);
    block[place.byte] =
        static_cast<std::byte>((static_cast<int>(block[place.byte]) & ~(15 << place.shift)) | q << place.shift);
  }
  kernels::DequantizeRow(dtype, block.data(), out);
}

class RowQuantizer {
 public:
  RowQuantizer(DType dtype, std::span<const double> factor)
      : dtype_(dtype),
        factor_(factor),
        block_(static_cast<size_t>(Info(dtype).block_size)),
        bytes_(static_cast<size_t>(BytesFor(dtype, Info(dtype).block_size))),
        base_(block_),
        one_(block_) {}

  void Run(std::span<float> w, std::byte* out) {
    for (size_t begin = 0; begin < w.size(); begin += block_, out += bytes_.size()) {
      const auto values = w.subspan(begin, block_);
      kernels::QuantizeRow(dtype_, values, bytes_.data());
      if (HasNibbles(dtype_)) {
        Round(w, begin);
      } else {
        kernels::DequantizeRow(dtype_, bytes_.data(), base_);
        for (size_t j = 0; j < block_; ++j) PassOn(w, begin + j, base_[j]);
      }
      std::memcpy(out, bytes_.data(), bytes_.size());
    }
  }

 private:
  DType dtype_;
  std::span<const double> factor_;
  size_t block_;
  std::vector<std::byte> bytes_;
  std::vector<float> base_, one_;

  void PassOn(std::span<float> w, size_t j, float rounded) {
    math::numeric::MoveTheRest(w, factor_, j, static_cast<double>(w[j]) - static_cast<double>(rounded));
  }

  void Round(std::span<float> w, size_t begin) {
    ReadGrid(dtype_, bytes_, 0, base_);
    ReadGrid(dtype_, bytes_, 1, one_);
    for (size_t j = 0; j < block_; ++j) {
      const float step = one_[j] - base_[j];
      const float wanted = step == 0 ? 0 : std::nearbyint((w[begin + j] - base_[j]) / step);
      const int q = static_cast<int>(std::clamp(wanted, 0.0F, 15.0F));
      const Nibble place = NibbleOf(dtype_, j);
      bytes_[place.byte] =
          static_cast<std::byte>((static_cast<int>(bytes_[place.byte]) & ~(15 << place.shift)) | q << place.shift);
      PassOn(w, begin + j, base_[j] + step * static_cast<float>(q));
    }
  }
};

}  // namespace

Tensor QuantizeCalibrated(const Tensor& w, DType dtype, const InputGram& gram, const std::string& name) {
  Require(w.rank() == 2 && w.dim(1) == gram.size, "{}: {} does not take the {} inputs of the calibration", name,
          w.shape(), gram.size);
  Require(IsQuantized(dtype), "{}: {} has no blocks to calibrate", name, ::tessera::Name(dtype));
  const Tensor plain = Quantize(w, dtype, {.name = name});  // its checks, and its shape
  const std::vector<double> factor =
      WithContext(name, [&] { return math::numeric::InverseFactor(gram.values, gram.size); });
  Tensor result = Tensor::Empty(w.shape(), dtype);
  const Tensor values = Dequantize(w);
  const int64_t columns = w.dim(1), row_bytes = BytesFor(dtype, columns);
  const auto in = values.data<float>();
  ParallelForRange(w.dim(0), 8, [&](int64_t begin, int64_t end) {
    RowQuantizer quantizer(dtype, factor);
    std::vector<float> row(static_cast<size_t>(columns));
    for (int64_t i = begin; i < end; ++i) {
      std::copy_n(&in[static_cast<size_t>(i * columns)], columns, row.begin());
      quantizer.Run(row, result.mutable_raw() + i * row_bytes);
    }
  });
  return result;
}

}  // namespace tessera::weights
