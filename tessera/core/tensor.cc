#include "tessera/core/tensor.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "tessera/core/gpu.h"
#include "tessera/core/storage.h"

namespace tessera {
namespace {

// Calls body(T{}) with the plain type of `dtype`.
template <typename Body>
void WithPlainType(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::kF64:
      return body(double{});
    case DType::kF32:
      return body(float{});
    case DType::kF16:
      return body(Float16{});
    case DType::kBF16:
      return body(BFloat16{});
    case DType::kI64:
      return body(int64_t{});
    case DType::kI32:
      return body(int32_t{});
    case DType::kI8:
      return body(int8_t{});
    case DType::kU8:
      return body(uint8_t{});
    case DType::kBool:
      return body(bool{});
    default:
      Fail("tensor: {} is a block format; dequantise it first", Name(dtype));
  }
}

// C++ leaves open what a whole number becomes that does not fit; here it is the nearest one, and NaN is 0.
template <typename To, typename From>
To WholeNumber(From value) {
  constexpr From kAbove = static_cast<From>(std::numeric_limits<To>::max() / 2 + 1) * 2;  // exact: a power of two
  if (value >= kAbove) return std::numeric_limits<To>::max();
  if (value > static_cast<From>(std::numeric_limits<To>::min())) return static_cast<To>(value);
  return std::isnan(value) ? To{0} : std::numeric_limits<To>::min();
}

template <typename To, typename From>
To Convert(From value) {
  constexpr bool kFromHalf = std::is_same_v<From, Float16> || std::is_same_v<From, BFloat16>;
  constexpr bool kToHalf = std::is_same_v<To, Float16> || std::is_same_v<To, BFloat16>;
  if constexpr (std::is_same_v<To, From>)
    return value;
  else if constexpr (kFromHalf)
    return Convert<To>(static_cast<float>(value));
  else if constexpr (kToHalf)
    return To(static_cast<float>(value));
  else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> && !std::is_same_v<To, bool>)
    return WholeNumber<To>(value);
  else
    return static_cast<To>(value);
}

}  // namespace

void Tensor::SetContiguous(const Shape& shape, DType dtype) {
  shape_ = shape;
  dtype_ = dtype;
  int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides_[i] = stride;
    stride *= shape[i];
  }
  if (IsQuantized(dtype)) {
    Require(shape.rank() > 0 && shape[-1] % Info(dtype).block_size == 0,
            "tensor: the last axis of {} is not whole blocks of {} ({} values each)", shape, Name(dtype),
            Info(dtype).block_size);
  }
}

Tensor Tensor::Empty(const Shape& shape, DType dtype, Device device) {
  Tensor tensor;
  tensor.SetContiguous(shape, dtype);
  tensor.device_ = device;
  const int64_t bytes = BytesFor(dtype, shape.numel());
  const auto storage = device == Device::kCuda ? gpu::Allocate(bytes) : AllocateStorage(bytes);
  tensor.data_ = storage.get();
  tensor.storage_ = storage;
  tensor.writable_ = true;
  return tensor;
}

Tensor Tensor::Zeros(const Shape& shape, DType dtype) {
  Tensor tensor = Empty(shape, dtype);
  std::memset(tensor.data_, 0, static_cast<size_t>(tensor.bytes()));
  return tensor;
}

Tensor Tensor::Full(const Shape& shape, double value, DType dtype) {
  Tensor tensor = Empty(shape, dtype);
  WithPlainType(dtype, [&]<typename T>(T) {
    for (T& x : tensor.mutable_data<T>()) x = Convert<T>(value);
  });
  return tensor;
}

Tensor Tensor::Borrow(std::shared_ptr<const void> owner, const void* data, const Shape& shape, DType dtype) {
  Require(owner != nullptr, "tensor: borrowed values need an owner");
  Tensor tensor;
  tensor.SetContiguous(shape, dtype);
  tensor.storage_ = std::move(owner);
  tensor.data_ = const_cast<std::byte*>(static_cast<const std::byte*>(data));  // writable_ stays false
  return tensor;
}

Tensor Tensor::Packed(std::shared_ptr<const void> owner, const std::byte* data, int64_t bytes, const Shape& shape,
                      DType dtype, Device device) {
  Require(bytes > 0, "tensor: a packed weight has {} bytes", bytes);
  Tensor tensor = Borrow(std::move(owner), data, shape, dtype);
  tensor.device_ = device;
  tensor.packed_bytes_ = bytes;
  return tensor;
}

Tensor Tensor::OnGpu(std::shared_ptr<const void> owner, const void* data, const Shape& shape, DType dtype) {
  Tensor tensor = Borrow(std::move(owner), data, shape, dtype);
  tensor.device_ = Device::kCuda;
  return tensor;
}

bool Tensor::contiguous() const {
  int64_t stride = 1;
  for (int i = rank() - 1; i >= 0; --i) {
    if (shape_[i] != 1 && strides_[i] != stride) return numel() == 0;
    stride *= shape_[i];
  }
  return true;
}

std::byte* Tensor::mutable_raw() {
  Require(writable_, "tensor: borrowed values are read only; Clone() first");
  if (on_gpu()) FailOnGpu();
  return data_;
}

void Tensor::FailOnGpu() const {
  Fail("tensor: the values {} {} are on the GPU, where this operation cannot be done yet", Name(dtype_), shape_);
}

std::byte* Tensor::GpuData() const {
  Require(on_gpu(), "tensor: the values {} {} are not on the GPU, beside what they are computed with",
          defined() ? Name(dtype_) : "of no tensor", shape_);
  if (!packed()) RequireContiguous();
  return data_;
}

void Tensor::RequireDType(DType dtype) const {
  Require(defined(), "tensor: no values (the tensor is undefined)");
  Require(dtype_ == dtype, "tensor: asked for {} values but the dtype is {}", Name(dtype), Name(dtype_));
}

void Tensor::RequireContiguous() const {
  RequireNotPacked();
  Require(contiguous(), "tensor: a view of shape {} is not contiguous; call Contiguous() first", shape_);
}

Tensor Tensor::Reshape(const Shape& shape) const {
  Require(shape.numel() == numel(), "reshape: {} has {} values, {} needs {}", shape_, numel(), shape, shape.numel());
  RequireContiguous();
  Tensor view = *this;
  view.lineage_ = nullptr;
  view.SetContiguous(shape, dtype_);
  return view;
}

void Tensor::RequireNotPacked() const {
  Require(!packed(), "tensor: the weight of shape {} is packed; call UnpackWeight() first", shape_);
}

Tensor Tensor::Slice(int axis, int64_t begin, int64_t end) const {
  RequireNotPacked();
  axis = shape_.Axis(axis);
  Require(0 <= begin && begin <= end && end <= shape_[axis], "slice: [{}, {}) is outside axis {} of {}", begin, end,
          axis, shape_);
  const DTypeInfo& info = Info(dtype_);
  Require(begin * strides_[axis] % info.block_size == 0, "slice: {} does not start at a block of {}", begin, info.name);
  Tensor view = *this;
  view.lineage_ = nullptr;
  view.shape_ = shape_.With(axis, end - begin);
  if (IsQuantized(dtype_)) {
    Require(axis == 0 || contiguous(), "slice: block formats are sliced along their first axis");
    Require(axis == 0, "slice: block formats are sliced along their first axis, not axis {}", axis);
  }
  view.data_ = data_ + begin * strides_[axis] / info.block_size * info.block_bytes;
  return view;
}

Tensor Tensor::Transpose(int axis_a, int axis_b) const {
  RequireNotPacked();
  Require(!IsQuantized(dtype_), "transpose: {} is a block format", Name(dtype_));
  const int a = shape_.Axis(axis_a), b = shape_.Axis(axis_b);
  Tensor view = *this;
  view.lineage_ = nullptr;
  view.shape_ = shape_.With(a, shape_[b]).With(b, shape_[a]);
  std::swap(view.strides_[a], view.strides_[b]);
  return view;
}

Tensor Tensor::Contiguous() const { return contiguous() ? *this : Clone(); }

Tensor Tensor::Clone() const {
  Require(defined(), "clone: the tensor is undefined");
  RequireNotPacked();
  Tensor copy = Empty(shape_, dtype_, device_);
  if (on_gpu()) {
    gpu::CopyWithin(copy.data_, GpuData(), bytes());
    return copy;
  }
  if (contiguous()) {
    std::memcpy(copy.data_, data_, static_cast<size_t>(bytes()));
    return copy;
  }
  const int64_t size = Info(dtype_).block_bytes;
  std::array<int64_t, kMaxRank> index{};
  const int64_t n = numel();
  int64_t offset = 0;
  for (int64_t i = 0; i < n; ++i) {
    std::memcpy(copy.data_ + i * size, data_ + offset * size, static_cast<size_t>(size));
    for (int axis = rank() - 1; axis >= 0; --axis) {  // count up, the last axis fastest
      offset += strides_[axis];
      if (++index[axis] < shape_[axis]) break;
      offset -= index[axis] * strides_[axis];
      index[axis] = 0;
    }
  }
  return copy;
}

Tensor Tensor::To(DType dtype) const {
  if (dtype == dtype_) return *this;
  const Tensor source = Contiguous();
  Tensor result = Empty(shape_, dtype);
  WithPlainType(dtype_, [&]<typename From>(From) {
    WithPlainType(dtype, [&]<typename To>(To) {
      const auto in = source.data<From>();
      const auto out = result.mutable_data<To>();
      for (size_t i = 0; i < in.size(); ++i) out[i] = Convert<To>(in[i]);
    });
  });
  return result;
}

Tensor Tensor::To(Device device) const {
  if (device == device_ || !defined()) return *this;
  RequireNotPacked();
  if (on_gpu()) {
    Tensor copy = Empty(shape_, dtype_);
    gpu::CopyOut(copy.data_, GpuData(), bytes());
    return copy;
  }
  const Tensor source = Contiguous();
  Tensor copy = Empty(shape_, dtype_, device);
  gpu::CopyIn(copy.data_, source.data_, source.bytes());
  return copy;
}

Tensor Tensor::WithLineage(std::shared_ptr<const ops::Lineage> lineage) const {
  Tensor tensor = *this;
  tensor.lineage_ = std::move(lineage);
  return tensor;
}

}  // namespace tessera
