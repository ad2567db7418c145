#pragma once
// Attention of a few new tokens to keys in pages: O = softmax(scale · QKᵀ + mask) V, the keys of one sequence split
// over many blocks (flash-decoding; Dao et al. 2023). Decoding reads every key once, so the memory's speed decides, and
// all multiprocessors must read.
//
//   here        shape           meaning
//   s.q         [64, Dqk]       rows: the new tokens × the query heads of one key head; unused rows hold anything
//   s.k s.v     kStages × [64, D]   pages of keys and values
//   scores p    [64, 64]        S and P of one page
//   o m l       [64, Dv] [64]   as in flash_attention.cuh, over the block's keys
//
// A block handles SplitKeys(…) keys of a sequence for one key head, then the next such split, and writes O / l and L of
// its rows in f32; CombineRow adds the splits of a row in their order. Splits depend on the sequence alone, so a
// sequence gets the same bits in any company. Memory traffic: each page once, 64 · (Dqk + Dv) values; two blocks a
// multiprocessor keep reads in flight.

#include "tessera/kernels/cuda/flash_attention.cuh"

namespace tessera::kernels::cuda {

template <typename Value, int kHeadDim, int kValueDim>
struct DecodeConfig {
  using T = Value;
  static constexpr int kDqk = kHeadDim, kDv = kValueDim;
  static constexpr int kBlocks = kDqk == 256 ? 1 : 2;  // on a multiprocessor
  static constexpr int kStages = kDqk == 64 ? 6 : kDqk == 192 ? 2 : 3;
  static constexpr int kConsumers = 1, kThreads = 256;
};

template <typename T>
struct DecodeArguments {
  const T* q;                 // [query rows, H, Dqk]
  TileMap k, v;               // [pages · G · 64, 1, D]
  const int32_t* pages;       // of all sequences, end to end
  const SplitWork* work;      // an item of work is one of these and a head of K
  const int32_t* work_count;  // how many there are, on the GPU: a recorded graph serves steps of any length
  HeadOrder heads;
  float scale;
  float* o;    // [work · G, 64, Dv]
  float* lse;  // [work · G, 64]
};

template <class C>
struct DecodeShared {
  SharedMatrix<typename C::T, 64, C::kDqk> q;
  SharedMatrix<typename C::T, 64, C::kDqk> k[C::kStages];
  SharedMatrix<typename C::T, 64, C::kDv> v[C::kStages];
  Barrier full[C::kStages], empty[C::kStages];
};

template <class C>
TESSERA_DEVICE void DecodeProduce(const DecodeArguments<typename C::T>& a, DecodeShared<C>& s, int block, int blocks) {
  Ring<C::kStages> ring;
  const int items = *a.work_count * a.heads.kv_heads;
  for (int index = block; index < items; index += blocks) {
    const SplitWork w = a.work[index / a.heads.kv_heads];
    for (int page = 0; page * 64 < w.keys; ++page) {
      const int row = (a.pages[w.page + page] * a.heads.kv_heads + index % a.heads.kv_heads) * 64;
      s.empty[ring.stage].Wait(ring.phase ^ 1);
      s.full[ring.stage].Expect(s.k[0].kBytes + s.v[0].kBytes);
      a.k.Load(s.k[ring.stage], row, 0, s.full[ring.stage]);
      a.v.Load(s.v[ring.stage], row, 0, s.full[ring.stage]);
      ring.Next();
    }
  }
}

template <class C>
TESSERA_DEVICE void DecodeConsume(const DecodeArguments<typename C::T>& a, DecodeShared<C>& s, int block, int blocks) {
  using T = typename C::T;
  const int group = a.heads.QueriesPerKey();
  const float scale2 = a.scale * kLog2E;
  Ring<C::kStages> ring;
  const int items = *a.work_count * a.heads.kv_heads;
  for (int index = block; index < items; index += blocks) {
    const int kv_head = index % a.heads.kv_heads;
    const SplitWork w = a.work[index / a.heads.kv_heads];
    const int rows = w.tokens * group;
    SyncGroup();  // every warp has done with the last item's queries
    LoadRows(s.q, rows, [&](int row) {
      return a.q + (int64_t{w.q_row + row / group} * a.heads.heads + kv_head * group + row % group) * C::kDqk;
    });
    FenceAsync();
    SyncGroup();

    Accumulator<C::kDv> o;
    Accumulator<64> scores;
    Fragment<T, 64> p;
    Rows m = AllRows(-INFINITY), l = AllRows(0), shrink;
    Fill(o, 0.0f);
    for (int key = 0; key < w.keys; key += 64) {
      s.full[ring.stage].Wait(ring.phase);
      MulABt<C::kDqk>(scores, s.q.Tile(), s.k[ring.stage].Tile());  // S = Q Kᵀ
      if (key + 64 > w.keys) {                                      // slots that hold no key yet
        s.v[ring.stage].ZeroRows(w.keys - key, 0, 1);
        FenceAsync();
        SyncGroup();
      }
      WaitProducts<0>(scores);
      // A new token sees the keys up to its own.
      if (key + 64 > Min(w.keys, w.position + 1))
        ForEach(scores, [&](int row, int col, float& x) {
          if (key + col >= Min(w.keys, w.position + row / group + 1)) x = -INFINITY;
        });
      OnlineSoftmax(scores, scale2, m, l, shrink);
      Round(p, scores);
      ScaleRows(o, shrink);
      AddAB(o, p, s.v[ring.stage].Tile());  // O += P V
      WaitProducts<0>(o);
      s.empty[ring.stage].ArriveGroup();
      ring.Next();
    }

    CompleteSum(l);
    const int64_t row0 = int64_t{index} * 64;
    ForEachRow(
        [&](int row, float& most, float& sum) {
          if (row < rows && OwnsRow()) a.lse[row0 + row] = sum == 0 ? -INFINITY : most * a.scale + logf(sum);
          sum = sum == 0 ? 0.0f : 1 / sum;
        },
        m, l);
    ScaleRows(o, l);
    StoreFloats(a.o + row0 * C::kDv, C::kDv, rows, o);
  }
}

// Block `block` of `blocks`, which share [work · G] items.
template <class C>
TESSERA_DEVICE void DecodeBlock(const DecodeArguments<typename C::T>& a, DecodeShared<C>& s, int block, int blocks) {
  if (FirstThread())
    for (int i = 0; i < C::kStages; ++i) s.full[i].Init(1), s.empty[i].Init(Barrier::kGroupArrivals);
  SyncBlock();
  if (Warpgroup() == 0) {
    if (WarpOfGroup() == 0 && Lane() == 0) DecodeProduce<C>(a, s, block, blocks);
  } else {
    DecodeConsume<C>(a, s, block, blocks);
  }
}

// O = Σ e^(L_s − L) O_s over a row's splits, L = ln Σ e^(L_s): columns kLanes · part … of one query row and head; by
// one warp. Each lane weighs one split of every kLanes, so that their rows are read together.
template <int kDv, typename T>
TESSERA_DEVICE void CombineRow(const float* partial_o, const float* partial_lse, const CombineWork& w,
                               const HeadOrder& heads, int token, int head, int part, T* o, float* lse) {
  const int group = heads.QueriesPerKey(), kv_head = head / group, c = part * kLanes + Lane();
  const auto row = [&](int split) {
    return (int64_t{w.first + split} * heads.kv_heads + kv_head) * 64 + token * group + head % group;
  };
  float most = -INFINITY, sum = 0, x = 0;
  for (int split = Lane(); split < w.splits; split += kLanes) most = fmaxf(most, partial_lse[row(split)]);
  most = WarpMax(most);
  const float shift = most == -INFINITY ? 0.0f : most;  // no keys, or NaN, which is no maximum and must come through
  for (int base = 0; base < w.splits; base += kLanes) {
    const int mine = base + Lane();
    const float weight = mine < w.splits ? Exp2((partial_lse[row(mine)] - shift) * kLog2E) : 0.0f;
    float value[kLanes];  // all on their way before the first is used
    TESSERA_UNROLL
    for (int lane = 0; lane < kLanes; ++lane) value[lane] = partial_o[row(Min(base + lane, w.splits - 1)) * kDv + c];
    TESSERA_UNROLL
    for (int lane = 0; lane < kLanes; ++lane) {
      const float factor = Broadcast(weight, lane);  // 0 past the last split
      sum += factor;
      x += factor * value[lane];
    }
  }
  const int64_t out = int64_t{w.q_row + token} * heads.heads + head;
  o[out * kDv + c] = FromFloat<T>(sum == 0 ? 0.0f : x / sum);
  if (part == 0 && Lane() == 0) lse[out] = sum == 0 ? INFINITY : shift + logf(sum);
}

// Row `token` of k or v [tokens, G, dim], one head, to its slot 64 · page + place of pages [pages, G, 64, dim]; by one
// warp.
template <typename T>
TESSERA_DEVICE void StoreRowInPage(const T* from, T* pages, int64_t slot, int token, int kv_heads, int head, int dim) {
  const T* row = from + (int64_t{token} * kv_heads + head) * dim;
  T* to = pages + ((slot / 64 * kv_heads + head) * 64 + slot % 64) * dim;
  for (int c = Lane(); c < dim; c += kLanes) to[c] = row[c];
}

}  // namespace tessera::kernels::cuda
