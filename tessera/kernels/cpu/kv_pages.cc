#include "tessera/kernels/kv_pages.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/checked.h"
#include "tessera/core/isa.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/elementwise.h"
#include "tessera/kernels/kv_layout.h"

namespace tessera::kernels {
namespace {

// Work below which threads would cost more than they save.
constexpr int64_t kSerialValues = 8192;

int64_t RoundUp(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// One token of one head, in any dtype. T is the stored number: float, BFloat16, Float16 or int8_t (q8_0).
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

// q8_0: d = max|x| / 127 over 32 values, rounded to f16; x ≈ d · round(x / d).
template <typename Scale, typename Place>
void StoreBlocks(std::span<const float> x, const Scale& scale, const Place& place) {
  const int64_t count = static_cast<int64_t>(x.size());
  for (int64_t begin = 0; begin < count; begin += 32) {
    const int64_t end = std::min(count, begin + 32);
    float most = 0;
    for (int64_t d = begin; d < end; ++d) most = std::max(most, std::abs(x[static_cast<size_t>(d)]));
    const float step = most / 127;
    scale(begin) = Float16(step);
    const float inverse = step > 0 ? 1 / step : 0;
    for (int64_t d = begin; d < end; ++d)
      place(d) = static_cast<int8_t>(std::clamp(std::round(x[static_cast<size_t>(d)] * inverse), -127.0f, 127.0f));
  }
}

template <typename T, typename Value>
void StoreToken(const Slot<T>& slot, std::span<const Value> key, std::span<const Value> value) {
  for (int64_t d = std::ssize(key); d % slot.numbers_in_word() != 0; ++d) slot.Key(d) = T(0);  // the last word's rest
  if constexpr (std::is_same_v<T, int8_t>) {
    StoreBlocks(
        key, [&](int64_t d) -> Float16& { return slot.KeyScale(d); },
        [&](int64_t d) -> int8_t& { return slot.Key(d); });
    if (value.empty()) return;
    StoreBlocks(
        value, [&](int64_t d) -> Float16& { return slot.ValueScale(d); },
        [&](int64_t d) -> int8_t& { return slot.Value(d); });
  } else {
    for (size_t d = 0; d < key.size(); ++d) slot.Key(static_cast<int64_t>(d)) = key[d];
    for (size_t d = 0; d < value.size(); ++d) slot.Value(static_cast<int64_t>(d)) = value[d];
  }
}

template <typename T>
void CopyToken(const KvLayout& layout, const Slot<T>& from, const Slot<T>& to) {
  for (int64_t d = 0; d < layout.key_dim; ++d) to.Key(d) = from.Key(d);
  if constexpr (std::is_same_v<T, int8_t>) {
    for (int64_t d = 0; d < layout.key_dim; d += 32) to.KeyScale(d) = from.KeyScale(d);
  }
  if (layout.rows) return;
  for (int64_t d = 0; d < layout.value_dim; ++d) to.Value(d) = from.Value(d);
  if constexpr (std::is_same_v<T, int8_t>) {
    for (int64_t d = 0; d < layout.value_dim; d += 32) to.ValueScale(d) = from.ValueScale(d);
  }
}

template <typename T>
void LoadToken(const KvLayout& layout, const Slot<T>& slot, float* key, float* value) {
  if constexpr (std::is_same_v<T, int8_t>) {
    for (int64_t d = 0; d < layout.key_dim; ++d) key[d] = static_cast<float>(slot.KeyScale(d)) * slot.Key(d);
    for (int64_t d = 0; d < layout.value_dim; ++d) value[d] = static_cast<float>(slot.ValueScale(d)) * slot.Value(d);
  } else {
    for (int64_t d = 0; d < layout.key_dim; ++d) key[d] = static_cast<float>(slot.Key(d));
    for (int64_t d = 0; d < layout.value_dim; ++d) value[d] = static_cast<float>(slot.Value(d));
  }
}

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

void CheckSlot(const KvPages& pages, int64_t slot) {
  Require(slot >= 0 && slot / kPageTokens < pages.page_count,
          "kv_pages: slot {} lies outside the {} pages of {} tokens", slot, pages.page_count, kPageTokens);
}

}  // namespace

KvLayout::KvLayout(const KvPageFormat& format)
    : dtype(format.dtype),
      rows(format.values_in_keys),
      in_word(dtype == DType::kBF16                                 ? 1
              : dtype == DType::kQ8_0 && !rows && MultipliesBytes() ? 2
                                                                    : 0),
      key_dim(format.key_dim),
      value_dim(format.value_dim),
      value_stride(RoundUp(rows ? format.key_dim : format.value_dim, 16)) {
  Require(format.kv_heads > 0 && key_dim > 0 && value_dim > 0,
          "kv_pages: {} heads of {} and {} values: none may be below 1", format.kv_heads, key_dim, value_dim);
  Require(!rows || value_dim <= key_dim, "kv_pages: values of {} numbers cannot be the beginning of keys of {}",
          value_dim, key_dim);
  WithStoredType(dtype, [&](auto number) {
    const int64_t size = sizeof(number);
    const int64_t scale = dtype == DType::kQ8_0 ? 2 : 0;
    const auto part = [](int64_t count, int64_t row_bytes) {
      return RoundUp(CheckedMul(count, row_bytes, "kv_pages: the size of a page"), 64);
    };
    if (rows) {
      keys = values = 0;
      key_scales = value_scales = part(kPageTokens, value_stride * size);
      head_bytes = key_scales + part(kPageTokens, (key_dim + 31) / 32 * scale);
      return;
    }
    key_scales = 0;
    value_scales = part((key_dim + 31) / 32, kPageTokens * scale);
    keys = value_scales + part((value_dim + 31) / 32, kPageTokens * scale);
    values = keys + part(RoundUp(key_dim, int64_t{1} << in_word), kPageTokens * size);
    head_bytes = values + part(value_stride, kPageTokens * size);
  });
  page_bytes = CheckedMul(format.kv_heads, head_bytes, "kv_pages: the size of a page");
}

bool MultipliesBytes() { return LiveIsa() == Isa::kAvx512Bf16 || LiveIsa() == Isa::kAvx512Vnni; }

DType FastKvDType() { return LiveIsa() == Isa::kAvx512Bf16 ? DType::kBF16 : DType::kF16; }

int64_t KvPageFormat::page_bytes() const { return KvLayout(*this).page_bytes; }

void StoreKv(const KvPages& pages, std::span<const int64_t> slots, const Tensor& k, const Tensor& v) {
  const KvPageFormat& format = pages.format;
  const int64_t rows = static_cast<int64_t>(slots.size()), heads = format.kv_heads;
  Require(k.shape() == Shape{rows, heads, format.key_dim}, "store_kv: k has shape {}, the {} slots and pages need {}",
          k.shape(), rows, Shape{rows, heads, format.key_dim});
  Require(format.values_in_keys || v.shape() == Shape{rows, heads, format.value_dim},
          "store_kv: v has shape {}, the {} slots and pages need {}", v.shape(), rows,
          Shape{rows, heads, format.value_dim});
  for (int64_t slot : slots) CheckSlot(pages, slot);
  const KvLayout layout(format);
  WithStoredType(format.dtype, [&](auto number) {
    using Row = std::conditional_t<std::is_same_v<decltype(number), int8_t>, float, decltype(number)>;
    const Tensor key = Cast(k.Contiguous(), DTypeOf<Row>);
    const Tensor value = format.values_in_keys ? Tensor() : Cast(v.Contiguous(), DTypeOf<Row>);
    const std::span<const Row> keys = key.data<Row>();
    const std::span<const Row> values = value ? value.data<Row>() : std::span<const Row>();
    const size_t key_dim = static_cast<size_t>(format.key_dim);
    const size_t value_dim = format.values_in_keys ? 0 : static_cast<size_t>(format.value_dim);
    // One head of as many tokens as a page holds: neighbours in a page, whose numbers share cache lines, stay together.
    const auto store = [&](int64_t piece) {
      const int64_t head = piece % heads, first = piece / heads * kPageTokens;
      for (int64_t t = first; t < std::min(rows, first + kPageTokens); ++t) {
        const size_t row = static_cast<size_t>(t * heads + head);
        const Slot<decltype(number)> slot(pages, layout, slots[static_cast<size_t>(t)], head);
        StoreToken(slot, keys.subspan(row * key_dim, key_dim), values.subspan(row * value_dim, value_dim));
      }
    };
    const int64_t pieces = (rows + kPageTokens - 1) / kPageTokens * heads;
    if (std::ssize(keys) + std::ssize(values) < kSerialValues) {
      for (int64_t piece = 0; piece < pieces; ++piece) store(piece);
    } else {
      ParallelFor(pieces, store);
    }
  });
}

void MoveKv(const KvPages& pages, std::span<const int64_t> from, std::span<const int64_t> to) {
  Require(from.size() == to.size(), "move_kv: {} slots to move but {} places", from.size(), to.size());
  for (int64_t slot : from) CheckSlot(pages, slot);
  for (int64_t slot : to) CheckSlot(pages, slot);
  const KvLayout layout(pages.format);
  WithStoredType(pages.format.dtype, [&](auto number) {
    using T = decltype(number);
    for (size_t i = 0; i < from.size(); ++i) {
      for (int64_t head = 0; head < pages.format.kv_heads; ++head)
        CopyToken(layout, Slot<T>(pages, layout, from[i], head), Slot<T>(pages, layout, to[i], head));
    }
  });
}

std::pair<Tensor, Tensor> LoadKv(const KvPages& pages, int64_t slot) {
  CheckSlot(pages, slot);
  const KvPageFormat& format = pages.format;
  const KvLayout layout(format);
  Tensor k = Tensor::Empty({format.kv_heads, format.key_dim}), v = Tensor::Empty({format.kv_heads, format.value_dim});
  WithStoredType(format.dtype, [&](auto number) {
    for (int64_t head = 0; head < format.kv_heads; ++head) {
      LoadToken(layout, Slot<decltype(number)>(pages, layout, slot, head),
                k.mutable_data<float>().data() + head * format.key_dim,
                v.mutable_data<float>().data() + head * format.value_dim);
    }
  });
  return {k, v};
}

}  // namespace tessera::kernels
