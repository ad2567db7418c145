#pragma once
// One token of one head in a page of keys and values.

#include "tessera/kernels/kv_layout.h"

namespace tessera::kernels {

// Its numbers, in any dtype. T is the stored number: float, BFloat16, Float16 or int8_t (q8_0).
template <typename T>
class Slot {
 public:
  Slot(const KvPages& pages, const KvLayout& layout, int64_t slot, int64_t head)
      : layout_(layout),
        block_(pages.base + slot / kPageTokens * layout.page_bytes + head * layout.head_bytes),
        token_(slot % kPageTokens) {}

  T& Key(int64_t d) const { return reinterpret_cast<T*>(block_ + layout_.keys)[layout_.Key(token_, d)]; }
  T& Value(int64_t d) const { return reinterpret_cast<T*>(block_ + layout_.values)[layout_.Value(token_, d)]; }
  Float16& KeyScale(int64_t d) const {
    return reinterpret_cast<Float16*>(block_ + layout_.key_scales)[layout_.Scale(token_, d)];
  }
  Float16& ValueScale(int64_t d) const {
    return reinterpret_cast<Float16*>(block_ + layout_.value_scales)[layout_.Scale(token_, d)];
  }
  int64_t numbers_in_word() const { return int64_t{1} << layout_.in_word; }

 private:
  const KvLayout& layout_;
  std::byte* block_;
  int64_t token_;
};

// Calls body with a value of the stored number's type.
template <typename Body>
void WithStoredType(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::kF32:
      return body(float{});
    case DType::kBF16:
      return body(BFloat16{});
    case DType::kF16:
      return body(Float16{});
    case DType::kQ8_0:
      return body(int8_t{});
    default:
      Fail("kv_pages: a cache of {} is not supported; use f32, bf16, f16 or q8_0", Name(dtype));
  }
}

inline void CheckSlot(const KvPages& pages, int64_t slot) {
  Require(slot >= 0 && slot / kPageTokens < pages.page_count,
          "kv_pages: slot {} lies outside the {} pages of {} tokens", slot, pages.page_count, kPageTokens);
}

}  // namespace tessera::kernels
