#include "tessera/kernels/head_product.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "kernels/for_each_isa.h"
#include "kernels/product_data.h"
#include "tessera/kernels/packed_weight.h"

namespace tessera::kernels {
namespace {

TEST(ProductOfEachHead, HasTheBitsOfEachHeadAlone) {
  ForEachIsa([](Isa) {
    for (const DType weight : {DType::kF32, DType::kBF16, DType::kF16, DType::kQ8_0, DType::kQ4_1, DType::kF64}) {
      for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kF64}) {
        // 1,056 f32 inputs are more than a product finishes in its caches.
        for (const auto& [tokens, inputs] : {std::pair{1, 64}, {7, 64}, {30, 64}, {3, 1056}}) {
          SCOPED_TRACE(::testing::Message()
                       << Name(dtype) << " times " << Name(weight) << ", " << tokens << " tokens of " << inputs);
          const Tensor x = RandomMatrix(tokens, 3 * inputs, 1, dtype).Reshape({tokens, 3, inputs});
          std::vector<Tensor> weights;
          for (uint64_t h = 0; h < 3; ++h)
            weights.push_back(weight == DType::kF64 ? RandomMatrix(20, inputs, 2 + h, weight)
                                                    : RandomWeight(20, inputs, 2 + h, weight));
          weights[1] = PackWeight(weights[1]);
          const Tensor y = ProductOfEachHead(x, weights, dtype, ProductPrecision::kFast);
          ASSERT_EQ(y.shape(), Shape({tokens, 3, 20}));
          ASSERT_EQ(y.dtype(), dtype);
          for (int64_t h = 0; h < 3; ++h) {
            const Tensor head = x.Slice(1, h, h + 1).Contiguous().Reshape({tokens, inputs});
            const WeightAndBias part{.weight = weights[static_cast<size_t>(h)]};
            const Tensor alone = Products(head, {&part, 1}, dtype, ProductPrecision::kFast)[0];
            const Tensor own = y.Slice(1, h, h + 1).Contiguous();
            EXPECT_EQ(std::memcmp(own.raw(), alone.raw(), static_cast<size_t>(own.bytes())), 0) << "head " << h;
          }
        }
      }
    }
  });
}

TEST(ProductOfEachHead, SaysWhatDoesNotFit) {
  const Tensor x = Tensor::Zeros({3, 2, 8}), w = Tensor::Zeros({5, 8});
  const auto product = [&](const std::vector<Tensor>& weights) {
    return ProductOfEachHead(x, weights, DType::kF32, ProductPrecision::kFast);
  };
  EXPECT_THROW(product({w}), Error);
  EXPECT_THROW(product({w, Tensor::Zeros({5, 9})}), Error);
  EXPECT_THROW(product({w, Tensor::Zeros({4, 8})}), Error);
  EXPECT_EQ(product({w, w}).shape(), Shape({3, 2, 5}));
}

}  // namespace
}  // namespace tessera::kernels
