#include "tests/weights/small_models.h"

#include <numeric>

#include "tessera/core/random.h"
#include "tessera/weights/gguf_writer.h"
#include "tessera/weights/safetensors.h"

namespace tessera::weights {
namespace {

Tensor Numbers(const Shape& shape, DType dtype) {
  Tensor values = Tensor::Zeros(shape);
  std::iota(values.mutable_data<float>().begin(), values.mutable_data<float>().end(), 0.0f);
  if (!IsQuantized(dtype)) return values.To(dtype);
  Tensor blocks = Tensor::Empty(shape, dtype);  // any bits are blocks of some values
  Random random(1);
  for (int64_t i = 0; i < blocks.bytes(); ++i) blocks.mutable_raw()[i] = static_cast<std::byte>(random.Next());
  return blocks;
}

}  // namespace

void WriteEveryKindOfGguf(const std::filesystem::path& path) {
  GgufWriter writer(path);
  writer.Set("general.architecture", "llama");
  writer.Set("u8", uint8_t{255});
  writer.Set("i8", int8_t{-128});
  writer.Set("u16", uint16_t{65535});
  writer.Set("i16", int16_t{-32768});
  writer.Set("u32", uint32_t{4294967295});
  writer.Set("i32", int32_t{-7});
  writer.Set("u64", UINT64_MAX);
  writer.Set("i64", INT64_MIN);
  writer.Set("f32", 0.1f);
  writer.Set("f64", 0.1);
  writer.Set("bool", true);
  writer.Set("string", "text");
  writer.Set("strings", std::vector<std::string>{"a", "b", ""});
  writer.Set("numbers", std::vector<int32_t>{1, 2, 3});
  std::vector<DType> dtypes;
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype != DType::kU8 && dtype != DType::kBool) dtypes.push_back(dtype);
  }
  for (const DType dtype : dtypes) writer.Declare(Name(dtype), {2, 256}, dtype);
  for (const DType dtype : dtypes) writer.Write(Numbers({2, 256}, dtype));
  writer.Finish();
}

void WriteEveryKindOfSafetensors(const std::filesystem::path& path) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (int i = 0; i <= static_cast<int>(DType::kBool); ++i) {
    const auto dtype = static_cast<DType>(i);
    tensors.emplace_back(Name(dtype), Numbers({3, 2}, dtype));
  }
  tensors.emplace_back("empty", Tensor::Empty({0, 7}));
  WriteSafetensors(path, tensors, {{"format", "pt"}});
}

}  // namespace tessera::weights
