#include "bench/kernel_cases.h"

#include <algorithm>
#include <functional>

#include "bench/random_weights.h"
#include "tessera/core/random.h"
#include "tessera/ops/attention.h"
#include "tessera/ops/convolution.h"
#include "tessera/ops/cross_entropy.h"
#include "tessera/ops/differentiable.h"
#include "tessera/ops/elementwise.h"
#include "tessera/ops/embedding.h"
#include "tessera/ops/group_norm.h"
#include "tessera/ops/linear.h"
#include "tessera/ops/nearest_code.h"
#include "tessera/ops/norm.h"
#include "tessera/ops/reduce.h"
#include "tessera/ops/rotary.h"
#include "tessera/ops/softmax.h"
#include "tessera/ops/view.h"

namespace tessera::bench {
namespace {

using kernels::PeakKind;

constexpr DType kFormats[] = {DType::kF32,  DType::kF16,    DType::kBF16,   DType::kQ8_0, DType::kQ6_K,
                              DType::kQ5_K, DType::kQ5_1,   DType::kQ5_0,   DType::kQ4_K, DType::kQ4_1,
                              DType::kQ4_0, DType::kIQ4_NL, DType::kIQ4_XS, DType::kQ3_K, DType::kQ2_K};

// Uniform values of deviation 1, different for each call's stream.
Tensor Values(const Shape& shape, DType dtype = DType::kF32, uint64_t stream = 1) {
  return RandomWeight(shape, dtype, 1, stream);
}

PeakKind KindOf(DType dtype) {
  if (IsQuantized(dtype)) return PeakKind::kInt8;
  return dtype == DType::kBF16 ? PeakKind::kBf16 : PeakKind::kF32;
}

double Real(int64_t value) { return static_cast<double>(value); }

void AddProducts(const CaseSizes& sizes, std::vector<KernelCase>& cases) {
  const int64_t n = sizes.outputs, k = sizes.inputs;
  for (const DType dtype : kFormats) {
    for (const int64_t rows : sizes.rows) {
      const DType x_dtype = dtype == DType::kBF16 ? DType::kBF16 : DType::kF32;
      const int64_t weight_bytes = BytesFor(dtype, n * k);
      cases.push_back({.name = fmt::format("product {}, {} row{}", Name(dtype), rows, rows == 1 ? "" : "s"),
                       .bytes = Real(weight_bytes + BytesFor(x_dtype, rows * (n + k))),
                       .operations = 2 * Real(rows) * Real(n) * Real(k),
                       .kind = KindOf(dtype),
                       .prepare = [=, memory = sizes.memory] {
                         const int64_t copies =
                             rows > 64 ? 1 : std::clamp<int64_t>((memory + weight_bytes - 1) / weight_bytes, 1, 200);
                         std::vector<Tensor> weights;
                         for (int64_t i = 0; i < copies; ++i)
                           weights.push_back(ops::PackWeight(RandomWeight({n, k}, dtype, 0.02f, 1)));
                         return [x = Values({rows, k}, x_dtype), weights, next = size_t{0}]() mutable {
                           ops::Linear(x, weights[next++ % weights.size()]);
                         };
                       }});
    }
  }
}

// A causal prompt, heads of 128, and its gradients: 3.5 times the operations, whatever a kernel does.
void AddPromptAttention(const CaseSizes& sizes, std::vector<KernelCase>& cases) {
  const int64_t t = sizes.tokens, h = sizes.heads, d = 128;
  const ops::AttentionPattern pattern{.sequences = {{t, t, {}, {}}}};
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    const double work = 2 * Real(h * d) * Real(t) * Real(t);
    const double bytes = 4 * Real(BytesFor(dtype, t * h * d));
    cases.push_back({.name = fmt::format("attention {}, {} tokens", Name(dtype), t),
                     .bytes = bytes,
                     .operations = work,
                     .kind = KindOf(dtype),
                     .prepare = [=] {
                       const Tensor q = Values({t, h, d}, dtype, 1), k = Values({t, h, d}, dtype, 2);
                       return [=, v = Values({t, h, d}, dtype, 3)] { ops::Attend(q, k, v, pattern); };
                     }});
    cases.push_back({.name = fmt::format("attention {}, {} tokens, with gradients", Name(dtype), t),
                     .bytes = 3 * bytes,
                     .operations = 3.5 * work,
                     .kind = KindOf(dtype),
                     .prepare = [=] {
                       const Tensor q = Values({t, h, d}, dtype, 1), k = Values({t, h, d}, dtype, 2);
                       return [=, v = Values({t, h, d}, dtype, 3)] {
                         const std::vector<Tensor> x{ops::Variable(q), ops::Variable(k), ops::Variable(v)};
                         ops::VectorJacobian(ops::Attend(x[0], x[1], x[2], pattern), q, x);
                       };
                     }});
  }
}

// One new token, 16 query heads on 8 of 128, against the pages of a cache.
void AddCachedAttention(const CaseSizes& sizes, std::vector<KernelCase>& cases) {
  const int64_t pages = (sizes.tokens + kernels::kPageTokens - 1) / kernels::kPageTokens;
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kQ8_0}) {
    const kernels::KvPageFormat format{dtype, 8, 128, 128};
    cases.push_back({.name = fmt::format("attention to {} tokens of {}", sizes.tokens, Name(dtype)),
                     .bytes = Real(pages * format.page_bytes()),
                     .operations = 4 * 16 * 128 * Real(sizes.tokens),
                     .prepare = [=, tokens = sizes.tokens, memory = sizes.memory] {
                       const int64_t bytes = pages * format.page_bytes();
                       std::vector<Tensor> caches;  // one a layer, as it were
                       for (int64_t i = 0; i < std::clamp<int64_t>(memory / bytes, 1, 200); ++i)
                         caches.push_back(Tensor::Zeros({bytes}, DType::kU8));
                       ops::AttentionPattern pattern{.sequences = {{1, tokens, {}, {}}}};
                       for (int32_t p = 0; p < pages; ++p) pattern.sequences[0].pages.push_back(p);
                       return [=, q = Values({1, 16, 128}), next = size_t{0}]() mutable {
                         Tensor& cache = caches[next++ % caches.size()];
                         ops::AttendPaged(q, {format, cache.mutable_raw(), pages}, pattern);
                       };
                     }});
  }
}

// An operator that reads its inputs and writes its result once.
template <typename Op>
void AddOperator(const std::string& name, std::function<std::vector<Tensor>()> inputs, Op op, double bytes,
                 std::vector<KernelCase>& cases) {
  cases.push_back({.name = name, .bytes = bytes, .prepare = [=] { return [in = inputs(), op] { op(in); }; }});
}

void AddOperators(const CaseSizes& sizes, std::vector<KernelCase>& cases) {
  using In = std::vector<Tensor>;
  for (const int64_t rows : sizes.operator_rows) {
    const int64_t c = sizes.inputs, f = sizes.outputs, heads = c / 128;
    const auto name = [&](const char* op) { return fmt::format("{}, {} row{}", op, rows, rows == 1 ? "" : "s"); };
    const auto bytes = [&](int64_t values) { return 4 * Real(values); };
    const auto wide = [=] { return In{Values({rows, c}), Values({c}), Values({c})}; };
    AddOperator(
        name("rms_norm"), wide, [](const In& in) { ops::RmsNorm(in[0], in[1], 1e-6f); }, bytes(2 * rows * c + c),
        cases);
    AddOperator(
        name("layer_norm"), wide, [](const In& in) { ops::LayerNorm(in[0], in[1], in[2], 1e-6f); },
        bytes(2 * rows * c + 2 * c), cases);
    AddOperator(
        name("softmax"), wide, [](const In& in) { ops::Softmax(in[0]); }, bytes(2 * rows * c), cases);
    AddOperator(
        name("add"), wide, [](const In& in) { ops::Add(in[0], in[0]); }, bytes(2 * rows * c), cases);
    AddOperator(
        name("gelu"), wide, [](const In& in) { ops::Gelu(in[0]); }, bytes(2 * rows * c), cases);
    AddOperator(
        name("exp"), wide, [](const In& in) { ops::Exp(in[0]); }, bytes(2 * rows * c), cases);
    AddOperator(
        name("sum of columns"), wide, [](const In& in) { ops::Sum(in[0], 0); }, bytes(rows * c + c), cases);
    AddOperator(
        name("transpose"), wide, [](const In& in) { ops::Transpose(in[0], 0, 1); }, bytes(2 * rows * c), cases);
    AddOperator(
        name("cast to bf16"), wide, [](const In& in) { ops::Cast(in[0], DType::kBF16); },
        bytes(rows * c + rows * c / 2), cases);
    AddOperator(
        name("silu_mul"),
        [=] {
          return In{Values({rows, f}), Values({rows, f}, DType::kF32, 2)};
        },
        [](const In& in) { ops::SiluMul(in[0], in[1]); }, bytes(3 * rows * f), cases);
    AddOperator(
        name("rotary"),
        [=] {
          return In{Values({rows, heads, 128}), Values({rows, 64}), Values({rows, 64})};
        },
        [](const In& in) { ops::Rotary(in[0], in[1], in[2], ops::RotaryLayout::kHalves); },
        bytes(2 * rows * heads * 128 + 2 * rows * 64), cases);
    const auto random_ids = [=] {
      Random random(2);
      Tensor ids = Tensor::Empty({rows}, DType::kI64);
      for (int64_t& id : ids.mutable_data<int64_t>()) id = static_cast<int64_t>(random.Below(256));
      return ids;
    };
    AddOperator(
        name("embedding q8_0"),
        [=] {
          return In{Values({256, c}, DType::kQ8_0), random_ids()};
        },
        [](const In& in) { ops::Embedding(in[0], in[1]); }, Real(BytesFor(DType::kQ8_0, rows * c)) + bytes(rows * c),
        cases);
    AddOperator(
        name("cross_entropy"),
        [=] {
          return In{Values({rows, c}), random_ids()};
        },
        [](const In& in) { ops::CrossEntropy(in[0], in[1]); }, bytes(rows * c), cases);
  }
}

// What an image tokenizer is made of, on pictures of 32 x 32 with as many channels as a weight has rows, up to 256.
void AddPictureOperators(const CaseSizes& sizes, std::vector<KernelCase>& cases) {
  using In = std::vector<Tensor>;
  const int64_t side = 32, c = std::min<int64_t>(256, sizes.outputs / 32 * 32 / 4), pixels = side * side;
  const Shape picture{1, side, side, c};
  cases.push_back({.name = "convolution 3 x 3",
                   .bytes = 4 * Real(2 * pixels * c + 9 * c * c),
                   .operations = 2 * Real(pixels) * Real(9 * c) * Real(c),
                   .prepare = [=] {
                     return [x = Values(picture), w = Values({c, c, 3, 3}, DType::kF32, 2)] {
                       ops::Convolution(x, w, {}, {.top = 1, .left = 1, .bottom = 1, .right = 1});
                     };
                   }});
  AddOperator(
      "group_norm",
      [=] {
        return In{Values(picture), Values({c}), Values({c})};
      },
      [](const In& in) { ops::GroupNorm(in[0], in[1], in[2]); }, 4 * Real(2 * pixels * c + 2 * c), cases);
  AddOperator(
      "nearest_code",
      [=] {
        return In{Values({64, c}), Values({pixels, c}, DType::kF32, 2)};
      },
      [](const In& in) { ops::NearestCode(in[0], in[1]); }, 4 * Real((64 + pixels) * c), cases);
}

}  // namespace

std::vector<KernelCase> KernelCases(const CaseSizes& sizes) {
  std::vector<KernelCase> cases;
  AddProducts(sizes, cases);
  AddPromptAttention(sizes, cases);
  AddCachedAttention(sizes, cases);
  AddOperators(sizes, cases);
  AddPictureOperators(sizes, cases);
  return cases;
}

}  // namespace tessera::bench
