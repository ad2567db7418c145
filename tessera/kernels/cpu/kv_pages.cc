#include "tessera/kernels/kv_pages.h"

#include "tessera/core/checked.h"
#include "tessera/core/isa.h"
#include "tessera/kernels/cpu/kv_slot.h"

namespace tessera::kernels {
namespace {

int64_t RoundUp(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

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
