#pragma once
// FlashAttention's gradients on Hopper (Dao et al. 2022, algorithm 4; Dao 2023, section 3.2). With S, P, L as in the
// forward pass:
//
//   dV = Pᵀ dO     dP = dO Vᵀ     δ = rowsum(dO ∘ O)     dS = P ∘ (dP − δ)     dQ = scale · dS K     dK = scale · dSᵀ Q
//
//   paper    here   shape              meaning
//   K V      s.k s.v       [Bc, D]     the block's keys and values
//   Q dO     s.q s.d_o     2 × [Br, D] tiles of queries and of the output's gradient, last tile first
//   Sᵀ dPᵀ   pt dpt        [64, Br]    transposed, so that they are the left operands of dV and dK: 64 keys a consumer
//   dS       s.ds          2 × [Bc, Br]  the same in shared memory, for dQ, whose sum runs over both consumers' keys
//
// A block holds one tile of keys of one head of K, and visits every query tile of every query head that reads it: dK
// and dV stay in registers. dQ is summed over key tiles, that is over blocks: each adds its share to an f32 sum in
// global memory when the block of the key tile before has done so. So every sum has one order, and runs repeat bit for
// bit. Nobody waits long: blocks start in the order of their key tiles and take query tiles in one order, so each
// follows its predecessor at a distance. Warp 0 brings tiles, warp 1 L and δ, warps 2 and 3 carry dQ's shares away.
//
// Memory traffic: K, V, dK, dV once; Q, dO once a block; dQ's sums in f32 once a block, mostly within the L2 cache.

#include "tessera/kernels/cuda/flash_attention.cuh"

namespace tessera::kernels::cuda {

template <typename Value, int kHeadDim, int kValueDim, bool kIsCausal>
struct VjpConfig {
  using T = Value;
  static constexpr int kDqk = kHeadDim, kDv = kValueDim;
  static constexpr bool kCausal = kIsCausal;
  // Heads up to 128: a consumer holds 64 of the block's 128 keys. Wider ones: both hold all 64 keys, each its part of
  // the columns (flash_attention_vjp_wide.cuh).
  static constexpr bool kWide = kDqk > 128;
  static constexpr int kRows = kDqk == 64 ? 128 : 64;  // Br
  static constexpr int kKeys = kWide ? 64 : 128;       // Bc
  static constexpr int kConsumers = 2, kThreads = 384;
  static constexpr int kProducerRegisters = 24, kRegisters = 240;
  // Buffers: of dO's tiles, and for dQ's shares, which are carried away in `kSumPieces` pieces.
  static constexpr int kGradientStages = kDqk == 256 ? 1 : 2;
  static constexpr int kSumStages = kWide ? 1 : 2, kSumPieces = kDqk == 256 ? 2 : 1;
  // A consumer's share of dQ: half the rows of a tile of 128, else its columns.
  static constexpr bool kShareRows = kRows == 128;
  static constexpr int kSumFloats = kRows * kDqk / kSumPieces;
  static constexpr int ShareCols(int consumer) {
    return kShareRows ? kDqk : kDqk == 192 ? 128 - 64 * consumer : kDqk / 2;
  }
  static constexpr int ShareBegin(int consumer) { return consumer == 0 ? 0 : kShareRows ? 0 : ShareCols(0); }
  // Where a consumer's part of a piece begins, in floats.
  static constexpr int PieceBegin(int consumer) { return consumer * 64 * ShareCols(0) / kSumPieces; }
  // Where registers allow: dV is multiplied before dS is known.
  static constexpr bool kOverlap = kRows == 64;
};

template <typename T>
struct VjpArguments {
  TileMap q, k, v, d_o;
  const KeyWork* work;  // [work_count], the longest first; a sequence's key tiles in order
  int work_count;
  HeadOrder heads;  // over the heads of K
  float scale;
  const float *lse, *delta;  // [query rows, H]
  T *dk, *dv;                // [key rows, G, D]
  float* dq_sums;            // [sum tiles, H, Br · Dqk], in an order of their own
  int* turns;                // [sum tiles, H], zero at first; then how many blocks have added
  int* tickets;              // [1], zero at first
};

template <class C>
struct VjpShared {
  SharedMatrix<typename C::T, C::kKeys, C::kDqk> k;
  SharedMatrix<typename C::T, C::kKeys, C::kDv> v;
  SharedMatrix<typename C::T, C::kRows, C::kDqk> q[2];
  SharedMatrix<typename C::T, C::kRows, C::kDv> d_o[C::kGradientStages];
  SharedMatrix<typename C::T, C::kKeys, C::kRows> ds[2];
  SharedMatrix<typename C::T, C::kKeys, C::kWide ? C::kRows : 0> p[2];
  alignas(128) float dq[C::kSumStages][C::kSumFloats];
  alignas(128) float lse2[2][C::kRows], delta[2][C::kRows];
  Barrier kv_full, q_full[2], q_empty[2], do_full[C::kGradientStages], do_empty[C::kGradientStages], dq_full[2],
      dq_empty[C::kSumStages];
  int ticket;
};

// The query tiles that a block visits: of every query head that reads its head, those that see its keys, last first.
template <class C>
struct QueryTiles {
  int head, m, first, last, left;

  TESSERA_DEVICE QueryTiles(const HeadOrder& heads, const KeyWork& w, int kv_head)
      : head(kv_head * heads.QueriesPerKey()),
        first(C::kCausal ? Max(0, w.k_begin - w.position) / C::kRows : 0),
        last((w.q_count + C::kRows - 1) / C::kRows - 1) {
    m = last;
    left = Max(0, last + 1 - first) * heads.QueriesPerKey();
  }
  TESSERA_DEVICE void Next() {
    if (--m < first) m = last, ++head;
    --left;
  }
};

// body(head, m) for every query tile.
template <class C, typename Body>
TESSERA_DEVICE void ForEachQueryTile(const HeadOrder& heads, const KeyWork& w, int kv_head, Body body) {
  for (QueryTiles<C> tile(heads, w, kv_head); tile.left > 0; tile.Next()) body(tile.head, tile.m);
}

template <class C>
TESSERA_DEVICE void VjpLoadTiles(const VjpArguments<typename C::T>& a, VjpShared<C>& s, const KeyWork& w, int kv_head) {
  s.kv_full.Expect(s.k.kBytes + s.v.kBytes);
  a.k.Load(s.k, w.k_row + w.k_begin, kv_head, s.kv_full);
  a.v.Load(s.v, w.k_row + w.k_begin, kv_head, s.kv_full);
  Ring<2> q;
  Ring<C::kGradientStages> d_o;
  ForEachQueryTile<C>(a.heads, w, kv_head, [&](int head, int m) {
    const int row = w.q_row + m * C::kRows;
    s.q_empty[q.stage].Wait(q.phase ^ 1);
    s.q_full[q.stage].Expect(s.q[0].kBytes);
    a.q.Load(s.q[q.stage], row, head, s.q_full[q.stage]);
    s.do_empty[d_o.stage].Wait(d_o.phase ^ 1);
    s.do_full[d_o.stage].Expect(s.d_o[0].kBytes);
    a.d_o.Load(s.d_o[d_o.stage], row, head, s.do_full[d_o.stage]);
    q.Next(), d_o.Next();
  });
}

// L in units of log 2, and δ. Rows past the sequence's last query get L = +inf, hence P = 0.
template <class C>
TESSERA_DEVICE void VjpLoadRows(const VjpArguments<typename C::T>& a, VjpShared<C>& s, const KeyWork& w, int kv_head) {
  Ring<2> q;
  Ring<C::kGradientStages> d_o;
  ForEachQueryTile<C>(a.heads, w, kv_head, [&](int head, int m) {
    const auto at = [&](int r) { return (int64_t{w.q_row} + m * C::kRows + r) * a.heads.heads + head; };
    s.q_empty[q.stage].Wait(q.phase ^ 1);
    for (int r = Lane(); r < C::kRows; r += kLanes)
      s.lse2[q.stage][r] = m * C::kRows + r < w.q_count ? a.lse[at(r)] * kLog2E : INFINITY;
    s.q_full[q.stage].ArriveWarp();
    s.do_empty[d_o.stage].Wait(d_o.phase ^ 1);
    for (int r = Lane(); r < C::kRows; r += kLanes)
      s.delta[d_o.stage][r] = m * C::kRows + r < w.q_count ? a.delta[at(r)] : 0.0f;
    s.do_full[d_o.stage].ArriveWarp();
    q.Next(), d_o.Next();
  });
}

// Writer 0 takes the even tiles, writer 1 the odd ones: an addition is known to be done only after microseconds. Each
// has a barrier of its own that tells it of full buffers.
template <class C>
TESSERA_DEVICE void VjpAddQueryGradients(const VjpArguments<typename C::T>& a, VjpShared<C>& s, const KeyWork& w,
                                         int kv_head, int writer) {
  const int stage = C::kSumStages == 2 ? writer : 0;
  Ring<1> full;
  int tile = 0;
  ForEachQueryTile<C>(a.heads, w, kv_head, [&](int head, int m) {
    if (tile++ % 2 != writer) return;
    const int64_t sum = (int64_t{w.sum_tile} + m) * a.heads.heads + head;
    for (int piece = 0; piece < C::kSumPieces; ++piece) {
      float* to = a.dq_sums + (sum * C::kSumPieces + piece) * C::kSumFloats;
      s.dq_full[writer].Wait(full.phase);
      if (piece == 0) WaitForTurn(a.turns + sum, w.turn);
      if (w.turn == 0)
        BulkStore(to, s.dq[stage], sizeof(s.dq[0]));
      else
        BulkAdd(to, s.dq[stage], sizeof(s.dq[0]));
      CommitBulk();
      WaitBulkRead();
      s.dq_empty[stage].Arrive();
      full.Next();
    }
    WaitBulk();
    EndTurn(a.turns + sum, w.turn);
  });
}

// Hands a consumer's share of dQ to the writers, tile after tile.
template <class C, int kConsumer>
struct QueryGradientSender {
  Ring<C::kSumStages> ring;
  Ring<2> writer;

  template <int N>
  TESSERA_DEVICE void Send(VjpShared<C>& s, const Accumulator<N>& dq) {
    TESSERA_UNROLL
    for (int piece = 0; piece < C::kSumPieces; ++piece) {
      s.dq_empty[ring.stage].Wait(ring.phase ^ 1);
      StoreScattered<C::kSumPieces>(s.dq[ring.stage] + C::PieceBegin(kConsumer), dq, piece);
      FenceAsync();
      s.dq_full[writer.stage].ArriveGroup();
      ring.Next();
    }
    writer.Next();
  }
};

template <class C, int consumer>
TESSERA_DEVICE void VjpConsume(const VjpArguments<typename C::T>& a, VjpShared<C>& s, const KeyWork& w, int kv_head) {
  using T = typename C::T;
  const int row0 = consumer * 64;  // of the consumer's keys within the tile
  const float scale2 = a.scale * kLog2E;
  const int keys = Min(C::kKeys, w.k_count - w.k_begin);  // of the tile that are the sequence's

  // -inf where a key (a row here) is hidden from a query (a column).
  const auto mask = [&](Accumulator<C::kRows>& st, int m) {
    const int key0 = w.k_begin + row0, position0 = w.position + m * C::kRows, queries = w.q_count - m * C::kRows;
    if (row0 + 64 <= keys && queries >= C::kRows && (!C::kCausal || key0 + 63 <= position0)) return;
    ForEach(st, [&](int row, int col, float& x) {
      if (row0 + row >= keys || col >= queries || (C::kCausal && key0 + row > position0 + col)) x = -INFINITY;
    });
  };

  Accumulator<C::kDqk> dk;
  Accumulator<C::kDv> dv;
  Fill(dk, 0.0f), Fill(dv, 0.0f);
  s.kv_full.Wait(0);
  if (keys < C::kKeys) {  // rows past the last key may hold anything; their dS is 0, so they must be finite
    s.k.ZeroRows(keys, consumer, C::kConsumers);
    s.v.ZeroRows(keys, consumer, C::kConsumers);
    FenceAsync();
    SyncConsumers<C::kConsumers>();
  }
  const auto k = s.k.Tile().Row(row0);
  const auto v = s.v.Tile().Row(row0);

  // S of a tile is multiplied while the tile before is finished. Past the last tile it is multiplied once more, in
  // vain: a branch around a product would make the compiler wait for it. (dP begun as early costs more in registers
  // than it saves.)
  Ring<2> ring;
  QueryGradientSender<C, consumer> sender;
  Accumulator<C::kRows> pt, dpt;
  QueryTiles<C> tile(a.heads, w, kv_head);
  if (tile.left > 0) s.q_full[0].Wait(0);
  MulABt<C::kDqk>(pt, k, s.q[0].Tile());  // Sᵀ = K Qᵀ
  WaitProducts<0>(pt);
  while (tile.left > 0) {
    const int stage = ring.stage, queries = w.q_count - tile.m * C::kRows;
    Fragment<T, C::kRows> p, ds;
    s.do_full[stage].Wait(ring.phase);
    if (queries < C::kRows) {  // rows past the last query: the same; what S got for them is masked
      SyncConsumers<C::kConsumers>();
      s.q[stage].ZeroRows(queries, consumer, C::kConsumers);
      s.d_o[stage].ZeroRows(queries, consumer, C::kConsumers);
      FenceAsync();
      SyncConsumers<C::kConsumers>();
    }
    MulABt<C::kDv>(dpt, v, s.d_o[stage].Tile());  // dPᵀ = V dOᵀ
    mask(pt, tile.m);
    Exp2Columns(pt, scale2, s.lse2[stage]);  // P = exp(S − L)
    WaitProducts<0>(dpt);
    if constexpr (C::kOverlap) {
      Round(p, pt);
      AddAB(dv, p, s.d_o[stage].Tile());  // dV += Pᵀ dO
    }
    MulMinusColumns(dpt, pt, s.delta[stage]);  // dS = P ∘ (dP − δ)
    if constexpr (!C::kOverlap) {
      Round(p, pt);
      AddAB(dv, p, s.d_o[stage].Tile());
    }
    Round(ds, dpt);
    Store(s.ds[stage], row0, 0, ds);
    FenceAsync();
    SyncConsumers<C::kConsumers>();
    Accumulator<C::ShareCols(consumer)> dq;  // dQ = dS K
    MulAtB<C::kKeys>(dq, s.ds[stage].Tile().Column(C::kShareRows ? row0 : 0),
                     s.k.Tile().Column(C::ShareBegin(consumer)));
    WaitProducts<1>(dv);
    s.do_empty[stage].ArriveGroup();
    AddAB(dk, ds, s.q[stage].Tile());  // dK += dSᵀ Q
    tile.Next();
    ring.Next();
    const int next = tile.left > 0 ? ring.stage : stage;
    if (tile.left > 0) s.q_full[next].Wait(ring.phase);
    MulABt<C::kDqk>(pt, k, s.q[next].Tile());
    WaitProducts<2>(dq);
    sender.Send(s, dq);
    WaitProducts<0>(dk, pt);
    s.q_empty[stage].ArriveGroup();
  }

  ScaleRows(dk, AllRows(a.scale));
  const int64_t head_row = (int64_t{w.k_row} + w.k_begin + row0) * a.heads.kv_heads + kv_head;
  StoreRows(a.dk + head_row * C::kDqk, int64_t{a.heads.kv_heads} * C::kDqk, keys - row0, dk);
  StoreRows(a.dv + head_row * C::kDv, int64_t{a.heads.kv_heads} * C::kDv, keys - row0, dv);
}

// δ = rowsum(dO ∘ O) of row `row` of [rows · H, Dv]; by one warp.
template <int kDv, typename T>
TESSERA_DEVICE void DeltaRow(const T* o, const T* d_o, float* delta, int64_t row) {
  float sum = 0;
  for (int c = Lane(); c < kDv; c += kLanes) sum += ToFloat(o[row * kDv + c]) * ToFloat(d_o[row * kDv + c]);
  sum = WarpSum(sum);
  if (Lane() == 0) delta[row] = sum;
}

// dQ of one query tile and head from its sum; by one warpgroup. A tile that no block has added to sees no key: 0.
template <class C, int kConsumer = 0>
TESSERA_DEVICE void FinishQueryGradient(const float* dq_sums, const int* turns, const QueryWork& w, int heads, int head,
                                        float scale, typename C::T* dq) {
  const int64_t sum = int64_t{w.sum_tile} * heads + head;
  Accumulator<C::ShareCols(kConsumer)> x;
  Fill(x, 0.0f);
  if (turns[sum] > 0) {
    TESSERA_UNROLL
    for (int piece = 0; piece < C::kSumPieces; ++piece)
      LoadScattered<C::kSumPieces>(
          x, dq_sums + (sum * C::kSumPieces + piece) * C::kSumFloats + C::PieceBegin(kConsumer), piece);
  }
  ScaleRows(x, AllRows(scale));
  const int row = C::kShareRows ? kConsumer * 64 : 0;
  StoreRows(dq + ((int64_t{w.q_row} + row) * heads + head) * C::kDqk + C::ShareBegin(kConsumer),
            int64_t{heads} * C::kDqk, w.q_rows - row, x);
  if constexpr (kConsumer + 1 < C::kConsumers)
    FinishQueryGradient<C, kConsumer + 1>(dq_sums, turns, w, heads, head, scale, dq);
}

}  // namespace tessera::kernels::cuda
