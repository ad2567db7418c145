#pragma once
// FlashAttention's forward pass on Hopper: O = softmax(scale · QKᵀ + mask) V and L = ln Σ exp, tile by tile
// (Dao et al. 2022, algorithm 1; Shah et al. 2024, sections 3.1 and 3.2).
//
//   paper    here   shape                      meaning
//   Q        s.q    [Br, Dqk]                  the block's queries, 64 rows a consumer
//   K V      s.k s.v  kStages × [Bc, D]        tiles of keys and values, in the order that they are used
//   S P      scores p [64, Bc]                 a consumer's scores; P = exp(S − m) rounded to T
//   O        o      [64, Dv]                   its output, not yet divided by l
//   m l      m l    [64]                       running row maximum (of S before scaling), running row sum
//
// A block works on one tile of queries of one head after another; there are as many blocks as multiprocessors. Warp 0
// brings tiles by the copy engine, kStages ahead, the next work's too while this one's output is written. Each consumer
// runs one step behind itself: S of the next tile is multiplied while this tile's softmax waits, and P V of this tile
// while the next one's softmax is computed; consumers issue their products in turn, so that one's exponentials run
// under another's products. Tiles are taken from the last one that the block sees to the first, so the mask is met
// first.
//
// Memory traffic: Q, O and L once; K and V once a block, from the L2 cache where blocks of one head run together.
// Shared memory: kRows · Dqk + kStages · kKeys · (Dqk + Dv) values of 2 bytes.

#include <cmath>

#include "tessera/kernels/cuda/block.cuh"
#include "tessera/kernels/cuda/work.h"

namespace tessera::kernels::cuda {

inline constexpr float kLog2E = 1.44269504088896341f;

template <typename Value, int kHeadDim, int kValueDim, bool kIsCausal>
struct ForwardConfig {
  using T = Value;
  static constexpr int kDqk = kHeadDim, kDv = kValueDim;
  static constexpr bool kCausal = kIsCausal;
  static constexpr int kRows = kDqk == 64 ? 192 : 128;                                    // Br
  static constexpr int kKeys = kDqk == 256 ? 80 : kDqk == 128 && !kIsCausal ? 176 : 128;  // Bc
  static constexpr int kStages = 2;
  static constexpr int kConsumers = kRows / 64, kThreads = (kConsumers + 1) * 128;
  static constexpr int kProducerRegisters = kConsumers == 3 ? 32 : 24, kRegisters = kConsumers == 3 ? 160 : 240;
};

template <typename T>
struct ForwardArguments {
  TileMap q, k, v;
  const QueryWork* work;  // [work_count], the longest first
  int work_count;
  int* tickets;  // [2], both 0 before and after: items taken beyond each block's first, blocks that are done
  HeadOrder heads;
  float scale;
  T* o;        // [query rows, H, Dv]
  float* lse;  // [query rows, H]
};

template <class C>
struct ForwardShared {
  SharedMatrix<typename C::T, C::kRows, C::kDqk> q;
  SharedMatrix<typename C::T, C::kKeys, C::kDqk> k[C::kStages];
  SharedMatrix<typename C::T, C::kKeys, C::kDv> v[C::kStages];
  int item[2];  // the producer takes the next item of work when a block is nearly done with one, and tells the
                // consumers
  Barrier item_full[2], item_empty[2], q_full, q_empty, k_full[C::kStages], k_empty[C::kStages], v_full[C::kStages],
      v_empty[C::kStages];
};

// Key tiles that a block visits: 0 … tiles − 1.
template <class C>
TESSERA_DEVICE int KeyTiles(const QueryWork& w) {
  const int end = C::kCausal ? Min(w.k_count, Max(0, w.position + w.q_rows)) : w.k_count;
  return (end + C::kKeys - 1) / C::kKeys;
}

// m' = Max(m, rowmax S);  P = exp(S − m');  l' = e^(m − m') l + rowsum P.  shrink = e^(m − m') is O's factor.
template <int N>
TESSERA_DEVICE void OnlineSoftmax(Accumulator<N>& s, float scale2, Rows& m, Rows& l, Rows& shrink) {
  Rows before = m, shift;
  MaxRows(m, s);
  ForEachRow(
      [&](int, float& most, float& earlier, float& minus, float& factor, float& sum) {
        minus = most == -INFINITY ? 0.0f : most * scale2;  // a row that has seen no key stays at 0
        factor = Exp2(earlier * scale2 - minus);
        sum *= factor;
      },
      m, before, shift, shrink, l);
  Exp2Rows(s, scale2, shift);
  AddRows(l, s);
}

template <class C>
TESSERA_DEVICE void ForwardProduce(const ForwardArguments<typename C::T>& a, ForwardShared<C>& s, int block,
                                   int blocks) {
  Ring<1> q;
  Ring<2> ticket;
  Ring<C::kStages> k, v;
  for (int index = block;; index = blocks + TakeTicket(a.tickets)) {
    s.item_empty[ticket.stage].Wait(ticket.phase ^ 1);
    s.item[ticket.stage] = index;
    s.item_full[ticket.stage].Arrive();
    ticket.Next();
    if (index >= a.work_count * a.heads.heads) break;
    const auto [item, head] = a.heads.Split(index, a.work_count);
    const QueryWork w = a.work[item];
    const int kv_head = a.heads.KeyHead(head), tiles = KeyTiles<C>(w);
    const auto load_k = [&](int tile) {
      s.k_empty[k.stage].Wait(k.phase ^ 1);
      s.k_full[k.stage].Expect(s.k[0].kBytes);
      a.k.Load(s.k[k.stage], w.k_row + tile * C::kKeys, kv_head, s.k_full[k.stage]);
      k.Next();
    };
    const auto load_v = [&](int tile) {
      s.v_empty[v.stage].Wait(v.phase ^ 1);
      s.v_full[v.stage].Expect(s.v[0].kBytes);
      a.v.Load(s.v[v.stage], w.k_row + tile * C::kKeys, kv_head, s.v_full[v.stage]);
      v.Next();
    };
    if (tiles == 0) continue;
    s.q_empty.Wait(q.phase ^ 1);
    s.q_full.Expect(s.q.kBytes);
    a.q.Load(s.q, w.q_row, head, s.q_full);
    q.Next();
    load_k(tiles - 1);
    for (int tile = tiles - 2; tile >= 0; --tile) {
      load_k(tile);
      load_v(tile + 1);
    }
    load_v(0);
  }
  if (TakeTicket(a.tickets + 1) == blocks - 1)
    a.tickets[0] = a.tickets[1] = 0;  // the last one leaves them as they were
}

template <class C>
TESSERA_DEVICE void ForwardConsume(const ForwardArguments<typename C::T>& a, ForwardShared<C>& s, int consumer) {
  using T = typename C::T;
  const int row0 = consumer * 64;
  const float scale2 = a.scale * kLog2E;  // exponentials are powers of two
  const auto q_tile = s.q.Tile().Row(row0);
  const Turns<C::kConsumers> turns{consumer};
  Ring<1> q;
  Ring<2> ticket;
  Ring<C::kStages> k, v;
  turns.Begin();

  for (;;) {
    s.item_full[ticket.stage].Wait(ticket.phase);
    const int index = s.item[ticket.stage];
    s.item_empty[ticket.stage].ArriveGroup();
    ticket.Next();
    if (index >= a.work_count * a.heads.heads) break;
    const auto [item, head] = a.heads.Split(index, a.work_count);
    const QueryWork w = a.work[item];
    const int tiles = KeyTiles<C>(w);

    // -inf where a key is hidden from a row.
    const auto mask = [&](Accumulator<C::kKeys>& scores, int tile) {
      const int key0 = tile * C::kKeys;
      const int all_see = C::kCausal ? Min(w.k_count, w.position + row0 + 1) : w.k_count;
      if (key0 + C::kKeys <= all_see) return;
      ForEach(scores, [&](int row, int col, float& x) {
        const int end = C::kCausal ? Min(w.k_count, w.position + row0 + row + 1) : w.k_count;
        if (key0 + col >= end) x = -INFINITY;
      });
    };

    Accumulator<C::kDv> o;
    Rows m = AllRows(-INFINITY), l = AllRows(0), shrink;
    Fill(o, 0.0f);
    if (tiles > 0) {
      Accumulator<C::kKeys> scores;
      Fragment<T, C::kKeys> p;
      s.q_full.Wait(q.phase);
      q.Next();
      s.k_full[k.stage].Wait(k.phase);
      MulABt<C::kDqk>(scores, q_tile, s.k[k.stage].Tile());
      // Rows past the last key may hold another sequence's values: as P is 0 there, V must be finite.
      if (tiles * C::kKeys > w.k_count) {
        s.v_full[v.stage].Wait(v.phase);
        s.v[v.stage].ZeroRows(w.k_count - (tiles - 1) * C::kKeys, consumer, C::kConsumers);
        FenceAsync();
        SyncConsumers<C::kConsumers>();
      }
      WaitProducts<0>(scores);
      s.k_empty[k.stage].ArriveGroup();
      k.Next();
      mask(scores, tiles - 1);
      OnlineSoftmax(scores, scale2, m, l, shrink);
      Round(p, scores);

      for (int tile = tiles - 2; tile >= 0; --tile) {
        turns.Take();
        s.k_full[k.stage].Wait(k.phase);
        MulABt<C::kDqk>(scores, q_tile, s.k[k.stage].Tile());  // S = Q Kᵀ of this tile
        s.v_full[v.stage].Wait(v.phase);
        AddAB(o, p, s.v[v.stage].Tile());  // O += P V of the one before
        turns.Pass();
        WaitProducts<1>(scores);
        s.k_empty[k.stage].ArriveGroup();
        k.Next();
        mask(scores, tile);
        OnlineSoftmax(scores, scale2, m, l, shrink);
        WaitProducts<0>(o);
        s.v_empty[v.stage].ArriveGroup();
        v.Next();
        Round(p, scores);
        ScaleRows(o, shrink);
      }
      s.q_empty.ArriveGroup();
      s.v_full[v.stage].Wait(v.phase);
      AddAB(o, p, s.v[v.stage].Tile());
      CompleteSum(l);
      WaitProducts<0>(o);
      s.v_empty[v.stage].ArriveGroup();
      v.Next();
    }

    // O = O / l,  L = scale · m + ln l.  A row without keys has O = 0, L = +inf.
    const int64_t row = w.q_row + row0;
    const int rows = w.q_rows - row0;
    ForEachRow(
        [&](int r, float& most, float& sum) {
          const bool sees = !C::kCausal || w.position + row0 + r >= 0;  // and tiles > 0: there are keys
          const bool none = tiles == 0 || !sees;
          if (r < rows && OwnsRow())
            a.lse[(row + r) * a.heads.heads + head] = none ? INFINITY : most * a.scale + logf(sum);
          sum = none ? 0.0f : 1 / sum;  // a row of nothing but -inf is 0 / 0, as softmax has it
        },
        m, l);
    ScaleRows(o, l);
    StoreRows(a.o + (row * a.heads.heads + head) * C::kDv, int64_t{a.heads.heads} * C::kDv, rows, o);
  }
}

// Block `block` of `blocks`, which share a.work_count · H items.
template <class C>
TESSERA_DEVICE void ForwardBlock(const ForwardArguments<typename C::T>& a, ForwardShared<C>& s, int block, int blocks) {
  if (FirstThread()) {
    constexpr int kArrivals = C::kConsumers * Barrier::kGroupArrivals;
    s.q_full.Init(1), s.q_empty.Init(kArrivals);
    for (int i = 0; i < 2; ++i) s.item_full[i].Init(1), s.item_empty[i].Init(kArrivals);
    for (int i = 0; i < C::kStages; ++i) {
      s.k_full[i].Init(1), s.v_full[i].Init(1);
      s.k_empty[i].Init(kArrivals), s.v_empty[i].Init(kArrivals);
    }
  }
  SyncBlock();
  if (Warpgroup() == 0) {
    GiveRegisters<C::kProducerRegisters>();
    if (WarpOfGroup() == 0 && Lane() == 0) ForwardProduce<C>(a, s, block, blocks);
  } else {
    TakeRegisters<C::kRegisters>();
    ForwardConsume<C>(a, s, Warpgroup() - 1);
  }
}

}  // namespace tessera::kernels::cuda
