#pragma once
// The gradients for heads wider than 128, whose dK and dV do not fit in one warpgroup's registers. Notation and the
// whole are in flash_attention_vjp.cuh; here is the consumers' part.
//
// Both consumers hold all 64 keys of the block. Each computes Sᵀ and dPᵀ for half of a tile's queries and writes P and
// dS to shared memory; then each multiplies its own columns of dV, dK and dQ. For (192, 128), where halves would not be
// whole column groups: consumer 0 has columns 0 … 127 of dK and dQ, consumer 1 has their columns 128 … 191 and dV.

#include "tessera/kernels/cuda/flash_attention_vjp.cuh"

namespace tessera::kernels::cuda {

template <class C, int kConsumer>
TESSERA_DEVICE void VjpConsumeWide(const VjpArguments<typename C::T>& a, VjpShared<C>& s, const KeyWork& w,
                                   int kv_head) {
  using T = typename C::T;
  constexpr int kHalf = C::kRows / 2, query0 = kConsumer * kHalf;  // of the consumer's queries within the tile
  constexpr int kKeyCols = C::ShareCols(kConsumer), kKeyBegin = C::ShareBegin(kConsumer);
  constexpr bool kEven = C::kDqk == C::kDv;
  constexpr int kValueCols = kEven ? C::kDv / 2 : C::kDv, kValueBegin = kEven ? kConsumer * kValueCols : 0;
  constexpr bool kValues = kEven || kConsumer == 1;
  const float scale2 = a.scale * kLog2E;
  const int keys = Min(C::kKeys, w.k_count - w.k_begin);

  const auto mask = [&](Accumulator<kHalf>& st, int m) {
    const int position0 = w.position + m * C::kRows + query0, queries = w.q_count - m * C::kRows - query0;
    if (keys >= C::kKeys && queries >= kHalf && (!C::kCausal || w.k_begin + 63 <= position0)) return;
    ForEach(st, [&](int row, int col, float& x) {
      if (row >= keys || col >= queries || (C::kCausal && w.k_begin + row > position0 + col)) x = -INFINITY;
    });
  };

  Accumulator<kKeyCols> dk;
  Accumulator<kValueCols> dv;
  Fill(dk, 0.0f), Fill(dv, 0.0f);
  s.kv_full.Wait(0);
  if (keys < C::kKeys) {  // rows past the last key may hold anything; their dS is 0, so they must be finite
    s.k.ZeroRows(keys, kConsumer, C::kConsumers);
    s.v.ZeroRows(keys, kConsumer, C::kConsumers);
    FenceAsync();
    SyncConsumers<C::kConsumers>();
  }
  // S of a tile is multiplied while the tile before is finished; past the last tile once more, in vain.
  Ring<2> q;
  Ring<C::kGradientStages> d_o;
  QueryGradientSender<C, kConsumer> sender;
  Accumulator<kHalf> pt, dpt;
  QueryTiles<C> tile(a.heads, w, kv_head);
  if (tile.left > 0) s.q_full[0].Wait(0);
  MulABt<C::kDqk>(pt, s.k.Tile(), s.q[0].Tile().Row(query0));  // Sᵀ = K Qᵀ
  WaitProducts<0>(pt);
  while (tile.left > 0) {
    const int stage = q.stage;
    auto& do_tile = s.d_o[d_o.stage];
    const int queries = w.q_count - tile.m * C::kRows;
    s.do_full[d_o.stage].Wait(d_o.phase);
    if (queries < C::kRows) {  // rows past the last query: the same; what S got for them is masked
      SyncConsumers<C::kConsumers>();
      s.q[stage].ZeroRows(queries, kConsumer, C::kConsumers);
      do_tile.ZeroRows(queries, kConsumer, C::kConsumers);
      FenceAsync();
      SyncConsumers<C::kConsumers>();
    }
    MulABt<C::kDv>(dpt, s.v.Tile(), do_tile.Tile().Row(query0));  // dPᵀ = V dOᵀ
    mask(pt, tile.m);
    Exp2Columns(pt, scale2, s.lse2[stage] + query0);  // P = exp(S − L)
    Fragment<T, kHalf> low;
    Round(low, pt);
    Store(s.p[stage], 0, query0, low);
    WaitProducts<0>(dpt);
    MulMinusColumns(dpt, pt, s.delta[d_o.stage] + query0);  // dS = P ∘ (dP − δ)
    Round(low, dpt);
    Store(s.ds[stage], 0, query0, low);
    FenceAsync();
    SyncConsumers<C::kConsumers>();
    Accumulator<kKeyCols> dq;
    if constexpr (kValues) AddAB<C::kRows>(dv, s.p[stage].Tile(), do_tile.Tile().Column(kValueBegin));  // dV += Pᵀ dO
    MulAtB<C::kKeys>(dq, s.ds[stage].Tile(), s.k.Tile().Column(kKeyBegin));                             // dQ = dS K
    AddAB<C::kRows>(dk, s.ds[stage].Tile(), s.q[stage].Tile().Column(kKeyBegin));                       // dK += dSᵀ Q
    tile.Next();
    q.Next();
    if (tile.left > 0) s.q_full[q.stage].Wait(q.phase);
    MulABt<C::kDqk>(pt, s.k.Tile(), s.q[tile.left > 0 ? q.stage : stage].Tile().Row(query0));
    if constexpr (kValues) WaitProducts<3>(dv);
    s.do_empty[d_o.stage].ArriveGroup();
    d_o.Next();
    WaitProducts<2>(dq);
    sender.Send(s, dq);
    WaitProducts<0>(dk, pt);
    s.q_empty[stage].ArriveGroup();
  }

  ScaleRows(dk, AllRows(a.scale));
  const int64_t head_row = (int64_t{w.k_row} + w.k_begin) * a.heads.kv_heads + kv_head;
  StoreRows(a.dk + head_row * C::kDqk + kKeyBegin, int64_t{a.heads.kv_heads} * C::kDqk, keys, dk);
  if constexpr (kValues)
    StoreRows(a.dv + head_row * C::kDv + kValueBegin, int64_t{a.heads.kv_heads} * C::kDv, keys, dv);
}

// One block of a.work_count · G.
template <class C>
TESSERA_DEVICE void VjpBlock(const VjpArguments<typename C::T>& a, VjpShared<C>& s) {
  constexpr int kArrivals = C::kConsumers * Barrier::kGroupArrivals;
  if (FirstThread()) {
    s.ticket = TakeTicket(a.tickets);  // whoever a block waits for has begun before it
    s.kv_full.Init(1);
    for (int i = 0; i < 2; ++i) s.q_full[i].Init(2), s.q_empty[i].Init(kArrivals);
    for (int i = 0; i < C::kGradientStages; ++i) s.do_full[i].Init(2), s.do_empty[i].Init(kArrivals);
    for (int i = 0; i < 2; ++i) s.dq_full[i].Init(kArrivals);
    for (int i = 0; i < C::kSumStages; ++i) s.dq_empty[i].Init(1);
  }
  SyncBlock();
  const auto [item, kv_head] = a.heads.Split(s.ticket, a.work_count);
  const KeyWork w = a.work[item];
  if (Warpgroup() == 0) {
    GiveRegisters<C::kProducerRegisters>();
    const int warp = WarpOfGroup();
    if (warp == 0 && Lane() == 0) VjpLoadTiles<C>(a, s, w, kv_head);
    if (warp == 1) VjpLoadRows<C>(a, s, w, kv_head);
    if (warp >= 2 && Lane() == 0) VjpAddQueryGradients<C>(a, s, w, kv_head, warp - 2);
  } else {
    TakeRegisters<C::kRegisters>();
    const auto consume = [&]<int kConsumer>() {
      if constexpr (C::kWide)
        VjpConsumeWide<C, kConsumer>(a, s, w, kv_head);
      else
        VjpConsume<C, kConsumer>(a, s, w, kv_head);
    };
    Warpgroup() == 1 ? consume.template operator()<0>() : consume.template operator()<1>();
  }
}

}  // namespace tessera::kernels::cuda
