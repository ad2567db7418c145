// Keys and values on their way into pages. Neighbours in a page are stored together, as the tokens of a prompt are: the
// words of their keys are turned from rows into columns in registers, and values that share a word are interleaved.

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/kv_slot.h"
#include "tessera/kernels/cpu/transpose_words.h"
#include "tessera/kernels/elementwise.h"

namespace tessera::kernels {
namespace {

// Work below which threads would cost more than they save.
constexpr int64_t kSerialValues = 8192;

// The tokens of one head at slots first … first + count - 1 of one page.
template <typename T>
struct Run {
  const KvPages& pages;
  const KvLayout& layout;
  int64_t head, first, count;

  Slot<T> At(int64_t i) const { return {pages, layout, first + i, head}; }
};

template <typename T>
void PlaceKeys(const Run<T>& run, const T* rows, int64_t stride) {
  const int64_t dim = run.layout.key_dim, in_word = run.At(0).numbers_in_word();
  if (run.layout.rows) {
    for (int64_t i = 0; i < run.count; ++i) std::copy_n(rows + i * stride, dim, &run.At(i).Key(0));
  } else if (dim % in_word == 0 && in_word * static_cast<int64_t>(sizeof(T)) == 4) {
    std::array<const std::byte*, kPageTokens> words;
    for (int64_t i = 0; i < run.count; ++i)
      words[static_cast<size_t>(i)] = reinterpret_cast<const std::byte*>(rows + i * stride);
    TransposeWords(words.data(), static_cast<int>(run.count), dim / in_word, kPageTokens,
                   reinterpret_cast<std::byte*>(&run.At(0).Key(0)));
  } else {
    for (int64_t i = 0; i < run.count; ++i)
      for (int64_t d = 0; d < dim; ++d) run.At(i).Key(d) = rows[i * stride + d];
  }
  for (int64_t i = 0; i < run.count; ++i)
    for (int64_t d = dim; d % in_word != 0; ++d) run.At(i).Key(d) = T(0);  // the last word's rest
}

// out[d · N + j] = value d of row j.
template <int N, typename T>
void Interleave(const T* rows, int64_t stride, int64_t dim, T* out) {
  for (int64_t d = 0; d < dim; ++d)
    for (int64_t j = 0; j < N; ++j) out[d * N + j] = rows[j * stride + d];
}

template <typename T>
void PlaceValues(const Run<T>& run, const T* rows, int64_t stride) {
  const int64_t dim = run.layout.value_dim, in_word = run.At(0).numbers_in_word();
  for (int64_t i = 0; i < run.count;) {
    const T* row = rows + i * stride;
    const Slot<T> slot = run.At(i);
    if ((run.first + i) % in_word != 0 || i + in_word > run.count) {  // a word that other tokens share
      for (int64_t d = 0; d < dim; ++d) slot.Value(d) = row[d];
      ++i;
      continue;
    }
    if (in_word == 1) std::copy_n(row, dim, &slot.Value(0));
    if (in_word == 2) Interleave<2>(row, stride, dim, &slot.Value(0));
    if (in_word == 4) Interleave<4>(row, stride, dim, &slot.Value(0));
    i += in_word;
  }
}

// q8_0: d = max|x| / 127 over 32 values, rounded to f16; x ≈ d · round(x / d), halves away from zero. A block that
// holds NaN has it for its scale.
template <typename Scale>
void RoundBlocks(const float* x, int64_t count, int8_t* codes, const Scale& scale) {
  for (int64_t begin = 0; begin < count; begin += 32) {
    const int64_t end = std::min(count, begin + 32);
    int32_t bits = 0;  // of magnitudes, which are in order as integers, NaN above infinity
    for (int64_t d = begin; d < end; ++d) bits = std::max(bits, std::bit_cast<int32_t>(x[d]) & 0x7fffffff);
    const float step = std::bit_cast<float>(bits) / 127;
    scale(begin) = Float16(step);
    const float inverse = step > 0 ? 1 / step : 0;
    for (int64_t d = begin; d < end; ++d) {
      const float code = x[d] * inverse;
      const float limited = code > 127 ? 127.0f : code > -127 ? code : -127.0f;
      const auto whole = static_cast<int32_t>(limited);
      const float rest = limited - static_cast<float>(whole);
      codes[d] = static_cast<int8_t>(whole + (rest >= 0.5f ? 1 : 0) - (rest <= -0.5f ? 1 : 0));
    }
  }
}

// Rows as they come: f32 for q8_0, else the stored type.
template <typename T, typename Row>
void StoreRun(const Run<T>& run, const Row* keys, int64_t key_stride, const Row* values, int64_t value_stride) {
  if constexpr (std::is_same_v<T, int8_t>) {
    const int64_t key_dim = run.layout.key_dim, value_dim = run.layout.rows ? 0 : run.layout.value_dim;
    std::vector<int8_t> codes(static_cast<size_t>(run.count * (key_dim + value_dim)));
    int8_t* value_codes = codes.data() + run.count * key_dim;
    for (int64_t i = 0; i < run.count; ++i) {
      const Slot<T> slot = run.At(i);
      RoundBlocks(keys + i * key_stride, key_dim, codes.data() + i * key_dim,
                  [&](int64_t d) -> Float16& { return slot.KeyScale(d); });
      if (value_dim > 0)
        RoundBlocks(values + i * value_stride, value_dim, value_codes + i * value_dim,
                    [&](int64_t d) -> Float16& { return slot.ValueScale(d); });
    }
    PlaceKeys<T>(run, codes.data(), key_dim);
    if (value_dim > 0) PlaceValues<T>(run, value_codes, value_dim);
  } else {
    PlaceKeys<T>(run, keys, key_stride);
    if (!run.layout.rows) PlaceValues<T>(run, values, value_stride);
  }
}

// How many of the slots from `begin` on, before `end`, are neighbours in a page.
int64_t Neighbours(std::span<const int64_t> slots, int64_t begin, int64_t end) {
  const auto at = [&](int64_t t) { return slots[static_cast<size_t>(t)]; };
  int64_t next = begin + 1;
  while (next < end && at(next) == at(next - 1) + 1 && at(next) % kPageTokens != 0) ++next;
  return next - begin;
}

}  // namespace

void StoreKv(const KvPages& pages, std::span<const int64_t> slots, const Tensor& k, const Tensor& v) {
  const KvPageFormat& format = pages.format;
  const int64_t rows = std::ssize(slots), heads = format.kv_heads;
  Require(k.shape() == Shape{rows, heads, format.key_dim}, "store_kv: k has shape {}, the {} slots and pages need {}",
          k.shape(), rows, Shape{rows, heads, format.key_dim});
  Require(format.values_in_keys || v.shape() == Shape{rows, heads, format.value_dim},
          "store_kv: v has shape {}, the {} slots and pages need {}", v.shape(), rows,
          Shape{rows, heads, format.value_dim});
  for (int64_t slot : slots) CheckSlot(pages, slot);
  const KvLayout layout(format);
  WithStoredType(format.dtype, [&](auto number) {
    using T = decltype(number);
    using Row = std::conditional_t<std::is_same_v<T, int8_t>, float, T>;
    const Tensor key = Cast(k.Contiguous(), DTypeOf<Row>);
    const Tensor value = format.values_in_keys ? Tensor() : Cast(v.Contiguous(), DTypeOf<Row>);
    const Row* keys = key.data<Row>().data();
    const Row* values = value ? value.data<Row>().data() : nullptr;
    const int64_t key_stride = heads * format.key_dim, value_stride = heads * format.value_dim;
    // One head of as many tokens as a page holds: neighbours in a page, whose numbers share cache lines, stay together.
    const auto store = [&](int64_t piece) {
      const int64_t head = piece % heads, first = piece / heads * kPageTokens;
      const int64_t end = std::min(rows, first + kPageTokens);
      for (int64_t t = first, count; t < end; t += count) {
        count = Neighbours(slots, t, end);
        StoreRun(Run<T>{pages, layout, head, slots[static_cast<size_t>(t)], count},
                 keys + t * key_stride + head * format.key_dim, key_stride,
                 values == nullptr ? nullptr : values + t * value_stride + head * format.value_dim, value_stride);
      }
    };
    const int64_t pieces = (rows + kPageTokens - 1) / kPageTokens * heads;
    if (key.numel() + (value ? value.numel() : 0) < kSerialValues) {
      for (int64_t piece = 0; piece < pieces; ++piece) store(piece);
    } else {
      ParallelFor(pieces, store);
    }
  });
}

}  // namespace tessera::kernels
