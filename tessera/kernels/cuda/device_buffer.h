#pragma once
// Memory on the GPU.

#include <cstddef>
#include <memory>
#include <span>

struct CUstream_st;

namespace tessera::kernels::cuda {

// A CUDA stream (cudaStream_t); null is the default stream.
using Stream = CUstream_st*;

// Owns `bytes` bytes of device memory, not initialised; empty for 0. Throws Error if the GPU has no room.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  explicit DeviceBuffer(size_t bytes);
  template <typename T>
  static DeviceBuffer Copy(std::span<const T> values) {
    DeviceBuffer buffer(values.size_bytes());
    buffer.Upload(values.data());
    return buffer;
  }

  size_t bytes() const { return bytes_; }
  template <typename T>
  T* data() const {
    return static_cast<T*>(memory_.get());
  }
  // Copies all bytes from, to the host; both wait until the copy is done.
  void Upload(const void* from);
  void Download(void* to) const;

 private:
  struct Free {
    void operator()(void* memory) const;
  };
  std::unique_ptr<void, Free> memory_;
  size_t bytes_ = 0;
};

// Waits for all work on the GPU; throws Error if any of it failed.
void Synchronize();

}  // namespace tessera::kernels::cuda
