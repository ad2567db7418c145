// Attention in 8 bits with AVX-512 VNNI. `int8_attention.h` has the formulas.
//
//   paper    here        shape        meaning
//   Q̂        q           [R, D/4, 4]  codes of a block of queries of one head; `factor` is scale · a · log2 e
//   S        s           [6, 256]     Q̂ K̂ᵀ of some rows and a tile
//   P̂        p           [R, 256]     round(255 exp(z - n))
//   n        most        [R]          the largest z of the row in the tile
//   m        m           [R]          a reference near the running largest z · factor, to base 2
//   l        l           [R, 16]      running sum of P̂, in lanes
//   O        o           [R, Dv']     Σ 2^(n - m) P̂ c V̂
//
// First every head's keys and values are rounded, once for all its queries; then blocks of queries pass the tiles.
#include "tessera/kernels/int8_attention.h"

#include "tessera/core/thread_pool.h"
#include "tessera/kernels/cpu/int8_keys.h"

#if defined(__x86_64__)
#include <hwy/base.h>
// GCC 12 takes its own "undefined" vectors for mistakes.
HWY_DIAGNOSTICS(push)
HWY_DIAGNOSTICS_OFF(disable : 4700, ignored "-Wuninitialized")
#include <immintrin.h>
HWY_DIAGNOSTICS(pop)

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "tessera/core/isa.h"
#include "tessera/core/storage.h"

namespace tessera::kernels {
namespace {

// Some queries of one sequence and head, `rows` from `first` on in q and o.
struct QueryBlock {
  const Int8Keys* keys;
  int64_t first, rows, head;
};

constexpr int64_t kMostRows = 180, kFewRows = 12;
// Rows that loops take at a time, the last of them perhaps beyond a block: in lanes, and beside each other in a
// product.
constexpr int64_t kRowStep = 16, kMostGroup = 12;

// Scratch for a block's rows.
struct BlockRows {
  int64_t rows, pitch, width;
  std::shared_ptr<std::byte> storage;
  float *o, *factor, *blank, *most, *m, *weight, *shrink, *l;
  int32_t *start, *sums, *s;
  uint8_t* p;
  int8_t* q;

  BlockRows(int64_t used, const Int8Keys& keys)
      : rows((used + kMostGroup - 1 + kRowStep - 1) / kRowStep * kRowStep),
        pitch((4 * keys.key_words + 15) / 16 * 16),
        width(keys.value_width) {
    const int64_t row_bytes = 4 * (width + 7 + 16 + 16) + kInt8TileKeys + pitch;
    storage = AllocateStorage(rows * row_bytes + kRowStep * kInt8TileKeys * 4);
    std::byte* at = storage.get();
    const auto take = [&](auto*& to, int64_t bytes) {
      to = reinterpret_cast<std::remove_reference_t<decltype(to)>>(at);
      at += bytes;
    };
    take(o, 4 * rows * width);
    take(p, rows * kInt8TileKeys);
    take(l, 4 * rows * 16);
    take(sums, 4 * rows * 16);
    take(s, 4 * kRowStep * kInt8TileKeys);
    for (float** each : {&factor, &blank, &most, &m, &weight, &shrink}) take(*each, 4 * rows);
    take(start, 4 * rows);
    take(q, rows * pitch);
    std::memset(static_cast<void*>(storage.get()), 0, static_cast<size_t>(at - storage.get()));
    std::fill(m, m + rows, -std::numeric_limits<float>::infinity());
  }
};

}  // namespace
}  // namespace tessera::kernels

HWY_PUSH_ATTRIBUTES("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
namespace tessera::kernels {
namespace {

#include "tessera/kernels/cpu/int8_rows-inl.h"
#include "tessera/kernels/cpu/int8_tiles-inl.h"

template <typename T>
void LoadQueries(const AttentionOperands& x, const QueryBlock& block, float scale, BlockRows& rows) {
  const HeadView q(x.q, block.first, block.head);
  for (int64_t r = 0; r < block.rows; ++r) PrefetchRow(static_cast<const T*>(q.data) + r * q.stride, q.dim);
  for (int64_t r = 0; r < block.rows; ++r) {
    int8_t* codes = rows.q + r * rows.pitch;
    const float a = RoundRow(static_cast<const T*>(q.data) + r * q.stride, nullptr, q.dim, codes);
    __m512i sum = _mm512_setzero_si512();
    for (int64_t d = 0; d < rows.pitch; d += 16) {
      const __m128i sixteen = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + d));
      sum = _mm512_add_epi32(sum, _mm512_cvtepi8_epi32(sixteen));
    }
    rows.start[r] = -128 * _mm512_reduce_add_epi32(sum);
    rows.factor[r] = a * scale * kLog2E;
    rows.blank[r] = 0 * a;
  }
}

// P̂ and n of some rows of a tile from their scores, and Σ P̂ in lanes.
struct TileSoftmax {
  const float* scales;
  int64_t count;
  BlockRows& rows;

  void Rows(int64_t begin, int64_t end, const int32_t* s) const {
    for (int64_t r = begin; r < end; ++r, s += kTile) {
      uint8_t* p = rows.p + r * kTile;
      rows.most[r] = count == kTile ? WholeRowSoftmax(s, scales, rows.factor[r], p, rows.sums + 16 * r)
                                    : PartRowSoftmax(s, scales, count, rows.factor[r], p, rows.sums + 16 * r);
    }
  }
};

// P̂ of all rows and tile t. The softmax of six rows comes in pieces between the products of the next six, which the
// processor multiplies meanwhile.
void TileWeights(const Int8Keys& keys, int64_t t, const QueryBlock& block, BlockRows& rows) {
  const int64_t first = t * kTileStripes, stripes = std::min(kTileStripes, keys.stripes - first);
  const TileSoftmax softmax{keys.key_scales + t * kTile, std::min(kTile, keys.count - t * kTile), rows};
  int32_t *s = rows.s, *before = rows.s + kScoreRows * kTile;
  for (int64_t r0 = 0; r0 < block.rows + kScoreRows; r0 += kScoreRows, std::swap(s, before)) {
    for (int64_t i = 0; i < stripes; ++i) {
      if (r0 < block.rows)
        StripeScores(rows.q + r0 * rows.pitch, rows.pitch, rows.start + r0,
                     keys.keys + (first + i) * keys.key_stripe_bytes(), keys.key_words, s + kStripeKeys * i);
      const int64_t begin = kScoreRows * i / stripes, end = kScoreRows * (i + 1) / stripes;
      if (r0 > 0) softmax.Rows(r0 - kScoreRows + begin, r0 - kScoreRows + end, before + begin * kTile);
    }
  }
}

// Where n is far above m, m' = n, else m' = m: whatever m is, O / l is the same, and being behind costs no precision.
// l' = 2^(m-m') l + 2^(n-m') Σ P̂;  O' = 2^(m-m') O;  weight = 2^(n-m')
void MoveMost(const QueryBlock& block, BlockRows& rows) {
  for (int64_t r0 = 0; r0 < block.rows; r0 += 16) {
    const __m512 m = _mm512_loadu_ps(rows.m + r0);
    const __m512 n = _mm512_mul_ps(_mm512_loadu_ps(rows.most + r0), _mm512_loadu_ps(rows.factor + r0));
    const __mmask16 moves = _mm512_cmp_ps_mask(n, _mm512_add_ps(m, _mm512_set1_ps(kFarAbove)), _CMP_GT_OQ);
    const __m512 top = _mm512_mask_mov_ps(m, moves, n);
    _mm512_storeu_ps(rows.m + r0, top);
    _mm512_storeu_ps(rows.weight + r0, Exp2(_mm512_sub_ps(n, top)));
    _mm512_storeu_ps(rows.shrink + r0, Exp2(_mm512_sub_ps(m, top)));
    for (int64_t r = r0; r < r0 + 16; ++r) {
      float* l = rows.l + 16 * r;
      const __m512 sums = _mm512_cvtepi32_ps(_mm512_loadu_si512(rows.sums + 16 * r));
      const __m512 before = _mm512_mul_ps(_mm512_loadu_ps(l), _mm512_set1_ps(rows.shrink[r]));
      _mm512_storeu_ps(l, _mm512_fmadd_ps(sums, _mm512_set1_ps(rows.weight[r]), before));
    }
    for (int64_t r = r0; moves != 0 && r < r0 + 16; ++r) {
      float* o = rows.o + r * rows.width;
      const __m512 shrink = _mm512_set1_ps(rows.shrink[r]);
      for (int64_t d = 0; d < rows.width; d += 16)
        _mm512_storeu_ps(o + d, _mm512_mul_ps(_mm512_loadu_ps(o + d), shrink));
    }
  }
}

// O += 2^(n-m) c P̂ V̂, in chunks of at most five vectors of channels and as many rows as leave room for their sums.
void TileValues(const Int8Keys& keys, int64_t t, const QueryBlock& block, BlockRows& rows) {
  const int64_t first = t * kTileStripes, stripes = std::min(kTileStripes, keys.stripes - first);
  const int64_t vectors = rows.width / 16, chunks = (vectors + 4) / 5;
  for (int64_t c = 0; c < chunks; ++c) {
    const int64_t begin = vectors * c / chunks, count = vectors * (c + 1) / chunks - begin;
    const ValueTile tile{.p = rows.p,
                         .v = keys.values + first * keys.value_stripe_bytes() + 64 * begin,
                         .scales = keys.value_scales + t * keys.value_width + 16 * begin,
                         .weight = rows.weight,
                         .o = rows.o + 16 * begin,
                         .rows = block.rows,
                         .steps = 16 * stripes,
                         .width = rows.width};
    switch (count) {
      case 1:
        AddValues<12, 1>(tile);
        break;
      case 2:
        AddValues<12, 2>(tile);
        break;
      case 3:
        AddValues<8, 3>(tile);
        break;
      case 4:
        AddValues<6, 4>(tile);
        break;
      default:
        AddValues<5, 5>(tile);
    }
  }
}

// o = v̄ + O / l
template <typename T>
void StoreRows(const QueryBlock& block, const BlockRows& rows, Tensor& o) {
  const int64_t heads = o.dim(1), dim = o.dim(2);
  for (int64_t r = 0; r < block.rows; ++r) {
    T* to = reinterpret_cast<T*>(o.mutable_raw()) + ((block.first + r) * heads + block.head) * dim;
    const float l = _mm512_reduce_add_ps(_mm512_loadu_ps(rows.l + 16 * r));
    const __m512 factor = _mm512_set1_ps(1 / l + rows.blank[r] + block.keys->blank);
    for (int64_t d = 0; d < dim; d += 16) {
      const __m512 row = _mm512_loadu_ps(rows.o + r * rows.width + d);
      const __m512 mean = _mm512_loadu_ps(block.keys->value_mean + d);
      StoreLanes(_mm512_fmadd_ps(row, factor, mean), to + d, FirstLanes(dim - d));
    }
  }
}

template <typename T>
void AttendBlock(const AttentionOperands& x, float scale, const QueryBlock& block, Tensor& o) {
  BlockRows rows(block.rows, *block.keys);
  LoadQueries<T>(x, block, scale, rows);
  for (int64_t t = 0; t < block.keys->tiles(); ++t) {
    TileWeights(*block.keys, t, block, rows);
    MoveMost(block, rows);
    TileValues(*block.keys, t, block, rows);
  }
  StoreRows<T>(block, rows, o);
}

}  // namespace
}  // namespace tessera::kernels
HWY_POP_ATTRIBUTES

namespace tessera::kernels {
namespace {

void AttendBlockOf(const AttentionOperands& x, float scale, const QueryBlock& block, Tensor& o) {
  if (x.q.dtype() == DType::kF32) AttendBlock<float>(x, scale, block, o);
  if (x.q.dtype() == DType::kBF16) AttendBlock<BFloat16>(x, scale, block, o);
  if (x.q.dtype() == DType::kF16) AttendBlock<Float16>(x, scale, block, o);
}

}  // namespace

bool MultipliesInInt8(const AttentionOperands& x, const AttentionSpec& spec) {
  const Isa isa = LiveIsa();
  const DType dtype = x.q.dtype();
  return (isa == Isa::kAvx512Vnni || isa == Isa::kAvx512Bf16) &&
         (dtype == DType::kF32 || dtype == DType::kBF16 || dtype == DType::kF16) && !x.sinks && spec.softcap == 0 &&
         spec.scale > 0 && !spec.pattern.causal && spec.pattern.window == 0 &&
         std::ranges::all_of(spec.pattern.sequences, [](const AttentionSequence& s) { return s.tree_parents.empty(); });
}

Tensor Int8Attention(const AttentionOperands& x, const AttentionSpec& spec) {
  if (!MultipliesInInt8(x, spec)) return Attention(x, spec).o;
  Tensor o = Tensor::Zeros({x.q.dim(0), x.q.dim(1), x.v.dim(2)}, x.q.dtype());
  const std::vector<AttentionSequence>& sequences = spec.pattern.sequences;
  const int64_t kv_heads = x.k.dim(1), group = x.q.dim(1) / kv_heads;
  std::vector<int64_t> first_query{0}, first_key{0};
  for (const AttentionSequence& s : sequences) {
    first_query.push_back(first_query.back() + s.query_count);
    first_key.push_back(first_key.back() + s.key_count);
  }
  std::vector<Int8Keys> keys(sequences.size() * static_cast<size_t>(kv_heads), Int8Keys(0, 0, 0));
  ParallelFor(std::ssize(keys), [&](int64_t i) {
    const size_t s = static_cast<size_t>(i / kv_heads);
    const HeadView k(x.k, first_key[s], i % kv_heads), v(x.v, first_key[s], i % kv_heads);
    keys[static_cast<size_t>(i)] = RoundKeys(k, v, sequences[s].key_count);
  });
  const int64_t most = std::clamp(x.q.dim(0) * x.q.dim(1) / (4 * ThreadCount()), kFewRows, kMostRows);
  std::vector<QueryBlock> blocks;
  for (size_t s = 0; s < sequences.size(); ++s) {
    if (sequences[s].key_count == 0) continue;
    for (int64_t h = 0; h < x.q.dim(1); ++h) {
      const Int8Keys* own = &keys[s * static_cast<size_t>(kv_heads) + static_cast<size_t>(h / group)];
      for (int64_t begin = 0; begin < sequences[s].query_count; begin += most) {
        const int64_t rows = std::min(most, sequences[s].query_count - begin);
        blocks.push_back({.keys = own, .first = first_query[s] + begin, .rows = rows, .head = h});
      }
    }
  }
  ParallelFor(std::ssize(blocks), [&](int64_t i) { AttendBlockOf(x, spec.scale, blocks[static_cast<size_t>(i)], o); });
  return o;
}

}  // namespace tessera::kernels

#else

namespace tessera::kernels {
bool MultipliesInInt8(const AttentionOperands&, const AttentionSpec&) { return false; }
Tensor Int8Attention(const AttentionOperands& x, const AttentionSpec& spec) { return Attention(x, spec).o; }
}  // namespace tessera::kernels

#endif
