// The operators of a transformer on the GPU against the same on the processor.
#include "tessera/kernels/cuda/operators.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/attention_cases.h"
#include "kernels/attention_plain.h"
#include "kernels/cuda_attention_cases.h"
#include "tessera/core/gpu.h"
#include "tessera/kernels/elementwise.h"
#include "tessera/kernels/gather.h"
#include "tessera/kernels/norm.h"

namespace tessera::kernels::cuda {
namespace {

Tensor There(const Tensor& x) { return x.To(Device::kCuda); }
Tensor Here(const Tensor& x) { return x.To(Device::kCpu); }

// Within two roundings of the dtype, and NaN where NaN is.
void ExpectNear(const Tensor& got, const Tensor& want, double roundings = 2) {
  ASSERT_EQ(got.shape(), want.shape());
  ASSERT_EQ(got.dtype(), want.dtype());
  const Tensor a = Here(got).To(DType::kF64), b = want.To(DType::kF64);
  for (size_t i = 0; i < b.data<double>().size(); ++i) {
    const double x = a.data<double>()[i], y = b.data<double>()[i];
    if (std::isnan(y) || std::isinf(y)) {
      ASSERT_TRUE(std::isnan(y) ? std::isnan(x) : x == y) << "at " << i << ": " << x << " beside " << y;
    } else {
      ASSERT_LE(std::abs(x - y), roundings * Epsilon(want.dtype()) * std::abs(y) + 1e-6) << "at " << i;
    }
  }
}

class CudaOperators : public testing::TestWithParam<DType> {};

TEST_P(CudaOperators, PointwiseFunctionsAreThoseOfTheProcessor) {
  for (const int64_t count : {1, 31, 1000, 300001}) {
    Tensor a = Normal({count}, 1), b = Normal({count}, 2);
    if (count > 100) {
      a.mutable_data<float>()[7] = NAN, a.mutable_data<float>()[8] = INFINITY, b.mutable_data<float>()[9] = -INFINITY;
      a.mutable_data<float>()[10] = -100, a.mutable_data<float>()[11] = 90;
    }
    a = a.To(GetParam()), b = b.To(GetParam());
    ExpectNear(Add(There(a), There(b)), kernels::Add(a, b), 0.5);
    ExpectNear(SiluMul(There(a), There(b)), kernels::SiluMul(a, b));
    for (const Activation f : {Activation::kGelu, Activation::kGeluTanh, Activation::kQuickGelu})
      ExpectNear(cuda::Activate(There(a), f), kernels::Activate(a, f), 8);
    for (const DType to : {DType::kF32, DType::kBF16, DType::kF16})
      ExpectNear(Cast(There(a), to), kernels::Cast(a, to), 0.5);
  }
}

TEST_P(CudaOperators, NormsAreThoseOfTheProcessor) {
  for (const auto& [rows, width] : {std::pair(1, 1), {3, 72}, {5, 3584}, {2, 18944}, {300, 33}}) {
    const Tensor x = Normal({rows, width}, 1, GetParam()), d = Normal({rows, width}, 2, GetParam());
    const Tensor w = Normal({width}, 3, GetParam()), b = Normal({width}, 4, GetParam());
    ExpectNear(RmsNorm(There(x), There(w), 1e-5f), kernels::RmsNorm(x, w, 1e-5f).y);
    ExpectNear(LayerNorm(There(x), There(w), There(b), 1e-5f), kernels::LayerNorm(x, w, b, 1e-5f).y, 8);
    ExpectNear(LayerNorm(There(x), There(w), {}, 1e-5f), kernels::LayerNorm(x, w, {}, 1e-5f).y, 8);
    const auto [h, y] = AddRmsNorm(There(x), There(d), There(w), 1e-5f);
    ExpectNear(h, kernels::Add(x, d), 0.5);
    ExpectNear(y, kernels::RmsNorm(kernels::Add(x, d), w, 1e-5f).y);
  }
}

TEST(CudaOperators, TheLikeliestTokenIsThatOfTheProcessor) {
  Tensor logits = Normal({3, 152064}, 1);
  logits.mutable_data<float>()[152064 + 777] = logits.mutable_data<float>()[152064 + 99999] = 50;
  const Tensor keys = Here(LikeliestKeys(There(logits)));
  for (int64_t row = 0; row < 3; ++row) {
    const auto z = logits.data<float>().subspan(static_cast<size_t>(row * 152064), 152064);
    EXPECT_EQ(LikeliestToken(keys.data<int64_t>()[static_cast<size_t>(row)]), std::ranges::max_element(z) - z.begin());
  }
}

TEST_P(CudaOperators, RowsAreGathered) {
  const Tensor x = Normal({50, 130}, 1, GetParam());
  const std::vector<int64_t> rows{49, 0, 7, 7, 12};
  const Tensor there = There(Tensor::From(rows, {5}));
  ExpectNear(GatherRows(There(x), there), kernels::GatherRows(x, rows), 0);
}

TEST_P(CudaOperators, HeadsTurnAsOnTheProcessor) {
  const int64_t T = 9, H = 3, D = 80, pairs = 32;
  const Tensor x = Normal({T, H, D}, 1, GetParam());
  const Tensor cos = Normal({T, pairs}, 2), sin = Normal({T, pairs}, 3);
  for (const RotaryLayout layout : {RotaryLayout::kHalves, RotaryLayout::kPairs})
    for (const bool backwards : {false, true})
      ExpectNear(Rotary(There(x), There(cos), There(sin), {layout, backwards}),
                 kernels::Rotary(x, cos, sin, {layout, backwards}), 8);
}

INSTANTIATE_TEST_SUITE_P(DTypes, CudaOperators, testing::Values(DType::kF32, DType::kBF16),
                         [](const auto& test) { return std::string(Name(test.param)); });

TEST(CudaOperators, AnglesAreRoundedAsOnTheProcessor) {
  const std::vector<int64_t> positions{0, 1, 77, 4000, 131071, 5, 6, 7, 8, 9, 1, 2, 3, 4, 100000};
  const std::vector<float> frequencies{1, 0.3f, 0.01f, 1e-5f};
  const std::vector<size_t> axes{0, 1, 2, 0};
  const auto [cos, sin] = RotaryTables(There(Tensor::From(positions, {3, 5})), frequencies, axes, 1.5f);
  const Tensor c = Here(cos), s = Here(sin);
  for (size_t t = 0; t < 5; ++t)
    for (size_t i = 0; i < 4; ++i) {
      const float angle = static_cast<float>(positions[axes[i] * 5 + t]) * frequencies[i];
      EXPECT_NEAR(c.data<float>()[t * 4 + i], 1.5f * static_cast<float>(std::cos(static_cast<double>(angle))), 2e-7);
      EXPECT_NEAR(s.data<float>()[t * 4 + i], 1.5f * static_cast<float>(std::sin(static_cast<double>(angle))), 2e-7);
    }
}

// Attention of a case, keys end to end and in pages, beside the textbook in double.
template <typename T>
void ExpectAttention(const AttentionCase& c) {
  const AttentionOperands x = c.Operands(5, DTypeOf<T>);
  const AttentionSpec spec = c.Spec();
  const Tensor exact = reference::Attention(Wide(x), spec).o;
  const double bound = 3 * Epsilon(DTypeOf<T>) * Largest(exact) + 2e-6;
  const auto check = [&](const Tensor& o, const char* where) {
    EXPECT_LE(MostDifference(Here(o), exact), bound) << c.name << ", " << where << ", heads of " << c.dim;
  };
  const Tensor q = There(x.q), k = There(x.k), v = There(x.v), sinks = x.sinks ? There(x.sinks) : x.sinks;
  check(Attend(q, k, v, sinks, spec, PassPlan(spec.pattern, {})), "end to end");

  const PagedCase paged(c);
  const KvPageFormat format{DTypeOf<T>, c.kv_heads, c.dim, c.value_dim};
  Tensor memory = Tensor::Empty({paged.page_count * format.gpu_page_bytes()}, DType::kU8, Device::kCuda);
  gpu::CopyIn(memory.mutable_gpu_data<std::byte>(),
              std::vector(static_cast<size_t>(memory.bytes()), std::byte{0xff}).data(), memory.bytes());
  const KvPages pages{format, memory.mutable_gpu_data<std::byte>(), paged.page_count, Device::kCuda};
  StoreKv(pages, PassPlan(spec.pattern, paged.slots), k, v);
  const AttentionSpec over_pages = paged.one.Spec();
  check(AttendPaged(q, sinks, pages, over_pages, PassPlan(over_pages.pattern, {})), "in pages");
}

TEST(CudaOperators, AttentionOfEveryKindIsThatOfTheTextbook) {
  for (const AttentionCase& c : AttentionCases()) {
    ExpectAttention<float>(c);
    ExpectAttention<BFloat16>(c);
  }
}

// Heads that the kernels on tiles know: few new rows over pages, many, and prompts.
TEST(CudaOperators, AttentionOnTilesIsThatOfTheTextbook) {
  for (const int64_t dim : {64, 128}) {
    for (const AttentionCase& c : CudaCases(dim, dim)) ExpectAttention<BFloat16>(c);
    ExpectAttention<BFloat16>(
        {"steps", {.sequences = {{1, 700, {}, {}}, {1, 64, {}, {}}, {2, 65, {}, {}}}}, 6, 2, dim, dim});
    ExpectAttention<Float16>({"chunk and step", {.sequences = {{100, 333, {}, {}}, {1, 70, {}, {}}}}, 4, 2, dim, dim});
  }
}

TEST(CudaOperators, KeysTurnOnTheirWayIntoTheCacheAndMove) {
  const int64_t T = 3, G = 2, D = 64;
  const Tensor k = Normal({T, G, D}, 1, DType::kBF16), v = Normal({T, G, D}, 2, DType::kBF16);
  const Tensor cos = Normal({T, D / 2}, 3), sin = Normal({T, D / 2}, 4);
  const KvPageFormat format{DType::kBF16, G, D, D};
  Tensor memory = Tensor::Empty({3 * format.gpu_page_bytes()}, DType::kU8, Device::kCuda);
  const KvPages pages{format, memory.mutable_gpu_data<std::byte>(), 3, Device::kCuda};
  const std::vector<int64_t> slots{130, 5, 64};
  const Tensor q = Normal({T, 6, D}, 5, DType::kBF16);
  const Tensor turned_q = TurnAndStore(pages, PassPlan(OneSequence(3, 3), slots), There(q), There(k), There(v),
                                       There(cos), There(sin), RotaryLayout::kHalves);
  ExpectNear(turned_q, kernels::Rotary(q, cos, sin, {}), 8);
  const Tensor turned = cuda::Rotary(There(k), There(cos), There(sin), {});
  ExpectNear(turned, kernels::Rotary(k, cos, sin, {}), 8);
  cuda::MoveKv(pages, std::vector<int64_t>{130, 64}, std::vector<int64_t>{6, 130});
  const Tensor all = Here(memory);
  const auto* values = reinterpret_cast<const BFloat16*>(all.raw());
  const Tensor here = Here(turned);
  const auto expect_row = [&](int64_t slot, int64_t row) {
    for (int64_t g = 0; g < G; ++g) {
      const int64_t at = ((slot / 64 * G + g) * 64 + slot % 64) * D, from = (row * G + g) * D;
      EXPECT_EQ(std::memcmp(values + at, here.raw() + from * 2, D * 2), 0) << "key in slot " << slot;
      EXPECT_EQ(std::memcmp(values + 3 * G * 64 * D + at, v.raw() + from * 2, D * 2), 0) << "value in slot " << slot;
    }
  };
  expect_row(5, 1);
  expect_row(6, 0);    // moved from 130 …
  expect_row(130, 2);  // … before this one came from 64
}

TEST(CudaOperators, AGraphReplaysItsWorkOnNewNumbers) {
  Tensor x = There(Normal({1000}, 1)), y = There(Normal({1000}, 2));
  Tensor sum = Tensor::Empty({1000}, DType::kF32, Device::kCuda);
  const gpu::Pool pool;
  const auto work = [&] {
    const gpu::Pool::Use use(pool);
    const Tensor twice = Add(Add(x, y), y);
    gpu::CopyWithin(sum.mutable_gpu_data<std::byte>(), twice.gpu_data<std::byte>(), twice.bytes());
  };
  work();
  const gpu::Graph graph = gpu::Recorded(work);
  const Tensor other = Normal({1000}, 3);
  gpu::CopyIn(x.mutable_gpu_data<std::byte>(), other.raw(), other.bytes());
  graph.Launch();
  gpu::Synchronize();
  const Tensor two = Normal({1000}, 2);
  ExpectNear(sum, kernels::Add(kernels::Add(other, two), two), 0);
}

TEST(CudaOperators, ValuesOnTheGpuCannotBeReadHere) {
  const Tensor x = There(Normal({4}, 1));
  EXPECT_THROW(static_cast<void>(x.data<float>()), Error);
  EXPECT_THROW(static_cast<void>(kernels::Exp(x)), Error);
  EXPECT_THROW(static_cast<void>(Normal({4}, 1).gpu_data()), Error);
}

}  // namespace
}  // namespace tessera::kernels::cuda
