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
// and dV stay in registers. dQ is summed over key tiles, that is over blocks: each adds its share to an f32 sum in global
// memory when the block of the key tile before has done so. So every sum has one order, and runs repeat bit for bit.
// Nobody waits long: blocks start in the order of their key tiles and take query tiles in one order, so each follows
// its predecessor at a distance. Warp 0 brings tiles, warp 1 L and δ, warp 2 carries dQ's shares away.
//
// Memory traffic: K, V, dK, dV once; Q, dO once a block; dQ's sums in f32 once a block, mostly within the L2 cache.

#include "tessera/kernels/cuda/flash_attention.cuh"

namespace tessera::kernels::cuda {

template <typename Value, int kHeadDim, int kValueDim, bool kIsCausal>
struct VjpConfig {
  using T = Value;
  static constexpr int kDqk = kHeadDim, kDv = kValueDim;
  static constexpr bool kCausal = kIsCausal;
  static constexpr int kRows = kDqk == 64 ? 128 : 64;  // Br
  static constexpr int kKeys = 128;                    // Bc
  static constexpr int kConsumers = 2, kThreads = 384;
  static constexpr int kProducerRegisters = 24, kRegisters = 240;
  // Where registers allow: dV is multiplied before dS is known, and dK still while the next tile begins.
  static constexpr bool kOverlap = kRows == 64;
  // A consumer's share of dQ: half the rows of a tile of 128, half the columns of one of 64.
  static constexpr bool kShareRows = kRows == 128;
  static constexpr int kShareCols = kShareRows ? kDqk : kDqk / 2;
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
  SharedMatrix<typename C::T, C::kRows, C::kDv> d_o[2];
  SharedMatrix<typename C::T, C::kKeys, C::kRows> ds[2];
  alignas(128) float dq[C::kConsumers][64 * C::kShareCols];
  alignas(128) float lse2[2][C::kRows], delta[2][C::kRows];
  Barrier kv_full, q_full[2], q_empty[2], do_full[2], do_empty[2], dq_full, dq_empty;
  int ticket;
};

// body(head, m) for every query head that reads `kv_head` and every query tile that sees the block's keys, last first.
// One loop, not two: sums that are still being multiplied cross its end.
template <class C, typename Body>
TESSERA_DEVICE void ForEachQueryTile(const HeadOrder& heads, const KeyWork& w, int kv_head, Body body) {
  const int first = C::kCausal ? Max(0, w.k_begin - w.position) / C::kRows : 0;
  const int last = (w.q_count + C::kRows - 1) / C::kRows - 1;
  if (last < first) return;
  int head = kv_head * heads.QueriesPerKey(), m = last;
  for (int left = (last - first + 1) * heads.QueriesPerKey(); left > 0; --left) {
    body(head, m);
    if (--m < first) m = last, ++head;
  }
}

template <class C>
TESSERA_DEVICE void VjpLoadTiles(const VjpArguments<typename C::T>& a, VjpShared<C>& s, const KeyWork& w, int kv_head) {
  s.kv_full.Expect(s.k.kBytes + s.v.kBytes);
  a.k.Load(s.k, w.k_row + w.k_begin, kv_head, s.kv_full);
  a.v.Load(s.v, w.k_row + w.k_begin, kv_head, s.kv_full);
  Ring<2> ring;
  ForEachQueryTile<C>(a.heads, w, kv_head, [&](int head, int m) {
    const int row = w.q_row + m * C::kRows;
    s.q_empty[ring.stage].Wait(ring.phase ^ 1);
    s.q_full[ring.stage].Expect(s.q[0].kBytes);
    a.q.Load(s.q[ring.stage], row, head, s.q_full[ring.stage]);
    s.do_empty[ring.stage].Wait(ring.phase ^ 1);
    s.do_full[ring.stage].Expect(s.d_o[0].kBytes);
    a.d_o.Load(s.d_o[ring.stage], row, head, s.do_full[ring.stage]);
    ring.Next();
  });
}

// L in units of log 2, and δ. Rows past the sequence's last query get L = +inf, hence P = 0.
template <class C>
TESSERA_DEVICE void VjpLoadRows(const VjpArguments<typename C::T>& a, VjpShared<C>& s, const KeyWork& w, int kv_head) {
  Ring<2> ring;
  ForEachQueryTile<C>(a.heads, w, kv_head, [&](int head, int m) {
    const auto at = [&](int r) { return (int64_t{w.q_row} + m * C::kRows + r) * a.heads.heads + head; };
    s.q_empty[ring.stage].Wait(ring.phase ^ 1);
    for (int r = Lane(); r < C::kRows; r += kLanes)
      s.lse2[ring.stage][r] = m * C::kRows + r < w.q_count ? a.lse[at(r)] * kLog2E : INFINITY;
    s.q_full[ring.stage].ArriveWarp();
    s.do_empty[ring.stage].Wait(ring.phase ^ 1);
    for (int r = Lane(); r < C::kRows; r += kLanes)
      s.delta[ring.stage][r] = m * C::kRows + r < w.q_count ? a.delta[at(r)] : 0.0f;
    s.do_full[ring.stage].ArriveWarp();
    ring.Next();
  });
}

template <class C>
TESSERA_DEVICE void VjpAddQueryGradients(const VjpArguments<typename C::T>& a, VjpShared<C>& s, const KeyWork& w,
                                         int kv_head) {
  Ring<1> ring;
  ForEachQueryTile<C>(a.heads, w, kv_head, [&](int head, int m) {
    const int64_t sum = (int64_t{w.sum_tile} + m) * a.heads.heads + head;
    float* to = a.dq_sums + sum * (C::kRows * C::kDqk);
    s.dq_full.Wait(ring.phase);
    WaitForTurn(a.turns + sum, w.turn);
    if (w.turn == 0)
      BulkStore(to, s.dq[0], sizeof(s.dq));
    else
      BulkAdd(to, s.dq[0], sizeof(s.dq));
    CommitBulk();
    WaitBulkRead();
    s.dq_empty.Arrive();
    WaitBulk();
    EndTurn(a.turns + sum, w.turn);
    ring.Next();
  });
}

template <class C>
TESSERA_DEVICE void VjpConsume(const VjpArguments<typename C::T>& a, VjpShared<C>& s, const KeyWork& w, int kv_head,
                               int consumer) {
  using T = typename C::T;
  const int row0 = consumer * 64;  // of the consumer's keys within the tile
  const float scale2 = a.scale * kLog2E;
  const int keys = Min(C::kKeys, w.k_count - w.k_begin);  // of the tile that are the sequence's

  // -inf where a key (a row here) is hidden from a query (a column).
  const auto mask = [&](Accumulator<C::kRows>& st, int m) {
    const int key0 = w.k_begin + row0, position0 = w.position + m * C::kRows;
    if (row0 + 64 <= keys && (!C::kCausal || key0 + 63 <= position0)) return;
    ForEach(st, [&](int row, int col, float& x) {
      if (row0 + row >= keys || (C::kCausal && key0 + row > position0 + col)) x = -INFINITY;
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

  Ring<2> ring;
  Ring<1> dq_ring;
  bool first = true;
  ForEachQueryTile<C>(a.heads, w, kv_head, [&](int, int m) {
    const int stage = ring.stage;
    Accumulator<C::kRows> pt, dpt;
    Fragment<T, C::kRows> p, ds;
    s.q_full[stage].Wait(ring.phase);
    const int queries = w.q_count - m * C::kRows;
    if (queries < C::kRows) {
      s.do_full[stage].Wait(ring.phase);
      s.q[stage].ZeroRows(queries, consumer, C::kConsumers);
      s.d_o[stage].ZeroRows(queries, consumer, C::kConsumers);
      FenceAsync();
      SyncConsumers<C::kConsumers>();
    }
    MulABt<C::kDqk>(pt, k, s.q[stage].Tile());  // Sᵀ = K Qᵀ
    s.do_full[stage].Wait(ring.phase);
    MulABt<C::kDv>(dpt, v, s.d_o[stage].Tile());  // dPᵀ = V dOᵀ
    WaitProducts<1>(pt);
    if (C::kOverlap && !first) s.q_empty[stage ^ 1].ArriveGroup();  // dK of the tile before is summed by now
    first = false;
    mask(pt, m);
    Exp2Columns(pt, scale2, s.lse2[stage]);  // P = exp(S − L)
    WaitProducts<0>(dpt);
    if constexpr (C::kOverlap) {
      Round(p, pt);
      MulAB(dv, p, s.d_o[stage].Tile());  // dV += Pᵀ dO
    }
    MulMinusColumns(dpt, pt, s.delta[stage]);  // dS = P ∘ (dP − δ)
    if constexpr (!C::kOverlap) {
      Round(p, pt);
      MulAB(dv, p, s.d_o[stage].Tile());
    }
    Round(ds, dpt);
    Store(s.ds[stage], row0, 0, ds);
    FenceAsync();
    SyncConsumers<C::kConsumers>();
    Accumulator<C::kShareCols> dq;
    if constexpr (C::kShareRows)  // dQ = dS K
      MulAtB<C::kKeys>(dq, s.ds[stage].Tile().Column(row0), s.k.Tile(), Start::kZero);
    else
      MulAtB<C::kKeys>(dq, s.ds[stage].Tile(), s.k.Tile().Column(consumer * C::kShareCols), Start::kZero);
    MulAB(dk, ds, s.q[stage].Tile());  // dK += dSᵀ Q
    WaitProducts<1>(dv, dq);
    s.do_empty[stage].ArriveGroup();
    s.dq_empty.Wait(dq_ring.phase ^ 1);
    StoreScattered(s.dq[consumer], dq);
    FenceAsync();
    s.dq_full.ArriveGroup();
    if constexpr (!C::kOverlap) {
      WaitProducts<0>(dk);
      s.q_empty[stage].ArriveGroup();
    }
    dq_ring.Next();
    ring.Next();
  });
  WaitProducts<0>(dk);

  ScaleRows(dk, AllRows(a.scale));
  const int64_t head_row = (int64_t{w.k_row} + w.k_begin + row0) * a.heads.kv_heads + kv_head;
  StoreRows(a.dk + head_row * C::kDqk, int64_t{a.heads.kv_heads} * C::kDqk, keys - row0, dk);
  StoreRows(a.dv + head_row * C::kDv, int64_t{a.heads.kv_heads} * C::kDv, keys - row0, dv);
}

// One block of a.work_count · G.
template <class C>
TESSERA_DEVICE void VjpBlock(const VjpArguments<typename C::T>& a, VjpShared<C>& s) {
  constexpr int kArrivals = C::kConsumers * Barrier::kGroupArrivals;
  if (FirstThread()) {
    s.ticket = TakeTicket(a.tickets);  // whoever a block waits for has begun before it
    s.kv_full.Init(1);
    for (int i = 0; i < 2; ++i) {
      s.q_full[i].Init(2), s.do_full[i].Init(2);
      s.q_empty[i].Init(kArrivals), s.do_empty[i].Init(kArrivals);
    }
    s.dq_full.Init(kArrivals), s.dq_empty.Init(1);
  }
  SyncBlock();
  const auto [item, kv_head] = a.heads.Split(s.ticket, a.work_count);
  const KeyWork w = a.work[item];
  if (Warpgroup() == 0) {
    GiveRegisters<C::kProducerRegisters>();
    const int warp = WarpOfGroup();
    if (warp == 0 && Lane() == 0) VjpLoadTiles<C>(a, s, w, kv_head);
    if (warp == 1) VjpLoadRows<C>(a, s, w, kv_head);
    if (warp == 2 && Lane() == 0) VjpAddQueryGradients<C>(a, s, w, kv_head);
  } else {
    TakeRegisters<C::kRegisters>();
    VjpConsume<C>(a, s, w, kv_head, Warpgroup() - 1);
  }
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
template <class C>
TESSERA_DEVICE void FinishQueryGradient(const float* dq_sums, const int* turns, const QueryWork& w, int heads, int head,
                                        float scale, typename C::T* dq) {
  const int64_t sum = int64_t{w.sum_tile} * heads + head;
  for (int share = 0; share < C::kConsumers; ++share) {
    Accumulator<C::kShareCols> x;
    if (turns[sum] > 0)
      LoadScattered(x, dq_sums + sum * (C::kRows * C::kDqk) + share * (64 * C::kShareCols));
    else
      Fill(x, 0.0f);
    ScaleRows(x, AllRows(scale));
    const int row = C::kShareRows ? share * 64 : 0, col = C::kShareRows ? 0 : share * C::kShareCols;
    StoreRows(dq + ((int64_t{w.q_row} + row) * heads + head) * C::kDqk + col, int64_t{heads} * C::kDqk, w.q_rows - row, x);
  }
}

}  // namespace tessera::kernels::cuda
