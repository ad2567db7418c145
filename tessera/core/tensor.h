#pragma once
// A tensor is a value: shape, strides, dtype and device over shared storage.
//
//   Tensor x = Tensor::From<float>({1, 2, 3, 4}, {2, 2});
//   Tensor row = x.Slice(0, 1, 2);                        // [1, 2], the same storage
//   float last = row.data<float>()[1];                    // 4
//
// Copying a Tensor copies the handle, not the values. Storage is written once, by whoever made it, and read afterwards;
// `mutable_data` is for that writer. A weight mapped from a file is a tensor whose storage keeps the mapping alive.
// Views here (Reshape, Slice, Transpose) know nothing of gradients; the differentiable ones are operators in `ops/`.

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "tessera/core/dtype.h"
#include "tessera/core/error.h"
#include "tessera/core/shape.h"

namespace tessera {

enum class Device : uint8_t { kCpu, kCuda };

namespace ops {
struct Lineage;
}  // namespace ops

class Tensor {
 public:
  Tensor() = default;  // no tensor; defined() is false

  // New storage, aligned to 64 bytes. `Empty` leaves the values unset.
  static Tensor Empty(const Shape& shape, DType dtype = DType::kF32, Device device = Device::kCpu);
  static Tensor Zeros(const Shape& shape, DType dtype = DType::kF32);
  static Tensor Full(const Shape& shape, double value, DType dtype = DType::kF32);  // plain dtypes only
  template <typename T>
  static Tensor From(const std::vector<T>& values, const Shape& shape);
  template <typename T>
  static Tensor Scalar(T value) {
    return From<T>({value}, Shape{});
  }

  // Values that live elsewhere (a mapped file); `owner` stays alive as long as any tensor uses them. Read only.
  static Tensor Borrow(std::shared_ptr<const void> owner, const void* data, const Shape& shape, DType dtype);

  // A weight whose `bytes` bytes are in the order of kernels/packed_weight.h, not row by row. Shape and dtype keep
  // their meaning, but the values cannot be seen, sliced or copied here: such a call throws Error.
  static Tensor Packed(std::shared_ptr<const void> owner, const std::byte* data, int64_t bytes, const Shape& shape,
                       DType dtype, Device device = Device::kCpu);

  // Values on the GPU that live elsewhere; likewise.
  static Tensor OnGpu(std::shared_ptr<const void> owner, const void* data, const Shape& shape, DType dtype);

  bool defined() const { return storage_ != nullptr; }
  explicit operator bool() const { return defined(); }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int axis) const { return shape_[axis]; }
  int64_t numel() const { return shape_.numel(); }
  DType dtype() const { return dtype_; }
  Device device() const { return device_; }
  bool on_gpu() const { return device_ == Device::kCuda; }
  int64_t stride(int axis) const { return strides_[shape_.Axis(axis)]; }  // in values (plain dtypes)
  bool contiguous() const;
  bool packed() const { return packed_bytes_ > 0; }
  int64_t bytes() const { return packed() ? packed_bytes_ : BytesFor(dtype_, numel()); }  // were they contiguous

  // The values. Throws Error if T is not the dtype, and for a tensor on the GPU. The span covers numel() values, so it
  // needs a contiguous tensor.
  template <typename T>
  std::span<const T> data() const;
  template <typename T>
  std::span<T> mutable_data();
  const std::byte* raw() const {  // first value, of any dtype; the first panel of a packed weight
    if (on_gpu()) FailOnGpu();
    return data_;
  }
  std::byte* mutable_raw();  // throws Error for borrowed storage
  template <typename T>
  T item() const;  // the only value of a tensor with numel() == 1

  // Views of the same storage.
  Tensor Reshape(const Shape& shape) const;                  // contiguous; the same number of values
  Tensor Slice(int axis, int64_t begin, int64_t end) const;  // begin <= index < end along one axis
  Tensor Transpose(int axis_a, int axis_b) const;            // plain dtypes only
  // A contiguous tensor with the same values: this one if it is contiguous, else a copy.
  Tensor Contiguous() const;
  // Always fresh storage.
  Tensor Clone() const;
  // The same values in another plain dtype, rounded to nearest even; this very tensor if it has that dtype already.
  Tensor To(DType dtype) const;
  // The same values in another memory, contiguous; this very tensor if they lie there already. Waits for the copy.
  Tensor To(Device device) const;

  // For kernels on the GPU: where the values lie there. Throws Error for a tensor that is not there, and for one that
  // is not contiguous.
  template <typename T = void>
  const T* gpu_data() const {
    return reinterpret_cast<const T*>(GpuData());
  }
  template <typename T = void>
  T* mutable_gpu_data() {
    return reinterpret_cast<T*>(GpuData());
  }

  // For ops/differentiable.h alone.
  const std::shared_ptr<const ops::Lineage>& lineage() const { return lineage_; }
  Tensor WithLineage(std::shared_ptr<const ops::Lineage> lineage) const;

 private:
  std::shared_ptr<const void> storage_;
  std::byte* data_ = nullptr;
  int64_t packed_bytes_ = 0;  // 0: not packed
  bool writable_ = false;
  Device device_ = Device::kCpu;
  DType dtype_ = DType::kF32;
  Shape shape_;
  std::array<int64_t, kMaxRank> strides_{};
  std::shared_ptr<const ops::Lineage> lineage_;

  void SetContiguous(const Shape& shape, DType dtype);
  void RequireDType(DType dtype) const;
  void RequireContiguous() const;
  void RequireNotPacked() const;
  [[noreturn]] void FailOnGpu() const;
  std::byte* GpuData() const;
};

template <typename T>
std::span<const T> Tensor::data() const {
  RequireDType(DTypeOf<T>);
  RequireContiguous();
  return {reinterpret_cast<const T*>(raw()), static_cast<size_t>(numel())};
}

template <typename T>
std::span<T> Tensor::mutable_data() {
  RequireDType(DTypeOf<T>);
  RequireContiguous();
  return {reinterpret_cast<T*>(mutable_raw()), static_cast<size_t>(numel())};
}

template <typename T>
T Tensor::item() const {
  Require(numel() == 1, "tensor: item() needs one value, the shape is {}", shape_);
  RequireDType(DTypeOf<T>);
  return *reinterpret_cast<const T*>(raw());
}

template <typename T>
Tensor Tensor::From(const std::vector<T>& values, const Shape& shape) {
  Require(static_cast<int64_t>(values.size()) == shape.numel(), "tensor: {} values do not fill the shape {}",
          values.size(), shape);
  Tensor tensor = Empty(shape, DTypeOf<T>);
  for (size_t i = 0; i < values.size(); ++i) reinterpret_cast<T*>(tensor.data_)[i] = values[i];
  return tensor;
}

}  // namespace tessera
