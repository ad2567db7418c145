#include "tessera/weights/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tessera/weights/gguf_writer.h"
#include "tests/weights/small_models.h"
#include "tests/weights/temporary_folder.h"

namespace tessera::weights {
namespace {

GgufHeader Parse(const std::string& bytes) { return ParseGgufHeader(bytes, static_cast<int64_t>(bytes.size()), "f"); }

void ExpectError(const std::string& bytes, const std::string& text) {
  try {
    Parse(bytes);
    FAIL() << "no error, expected: " << text;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(text));
  }
}

// "GGUF", the version, the counts; then what a test appends.
std::string Start(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
  std::string bytes = "GGUF";
  AppendGguf(bytes, version);
  AppendGguf(bytes, tensors);
  AppendGguf(bytes, keys);
  return bytes;
}

struct TensorEntry {
  std::string name = "t";
  std::vector<uint64_t> axes = {4};
  uint32_t type = 0;
  uint64_t offset = 0;
};

std::string WithTensors(const std::vector<TensorEntry>& tensors, size_t data) {
  std::string bytes = Start(tensors.size(), 0);
  for (const TensorEntry& tensor : tensors) {
    AppendGguf(bytes, tensor.name);
    AppendGguf(bytes, static_cast<uint32_t>(tensor.axes.size()));
    for (const uint64_t axis : tensor.axes) AppendGguf(bytes, axis);
    AppendGguf(bytes, tensor.type);
    AppendGguf(bytes, tensor.offset);
  }
  bytes.resize((bytes.size() + 31) / 32 * 32 + data);
  return bytes;
}

std::string WithKey(uint32_t type, const std::string& value) {
  std::string bytes = Start(0, 1);
  AppendGguf(bytes, std::string("k"));
  AppendGguf(bytes, type);
  return bytes + value;
}

TEST(Gguf, WhatIsWrittenIsReadBack) {
  TemporaryFolder folder;
  WriteEveryKindOfGguf(folder / "f.gguf");
  const GgufFile file = GgufFile::Open(folder / "f.gguf");
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.Find("u8")->Integer("u8"), 255);
  EXPECT_EQ(file.Find("i8")->Integer("i8"), -128);
  EXPECT_EQ(file.Find("u16")->Integer("u16"), 65535);
  EXPECT_EQ(file.Find("i16")->Integer("i16"), -32768);
  EXPECT_EQ(file.Find("u32")->Integer("u32"), 4294967295);
  EXPECT_EQ(file.Find("i32")->Integer("i32"), -7);
  EXPECT_THROW(file.Find("u64")->Integer("u64"), Error);  // 2^64 - 1
  EXPECT_EQ(file.Find("i64")->Integer("i64"), INT64_MIN);
  EXPECT_EQ(file.Find("f32")->Number("f32"), 0.1);
  EXPECT_EQ(file.Find("f64")->Number("f64"), 0.1);
  EXPECT_TRUE(file.Find("bool")->Bool("bool"));
  EXPECT_EQ(file.Find("string")->String("string"), "text");
  EXPECT_EQ(file.Find("strings")->Array("strings").String(1, "strings"), "b");
  EXPECT_EQ(file.Find("numbers")->Array("numbers").Integer(2, "numbers"), 3);
  EXPECT_EQ(file.Find("absent"), nullptr);
  EXPECT_THROW(file.Find("string")->Integer("string"), Error);
  EXPECT_THROW(file.Find("numbers")->Array("numbers").Integer(3, "numbers"), Error);
  const Tensor t = file.Get("f32");
  EXPECT_EQ(t.shape(), (Shape{2, 256}));
  EXPECT_EQ(t.data<float>()[511], 511);
  for (const TensorInfo& info : file.tensors()) EXPECT_EQ(file.Get(info.name).dtype(), info.dtype) << info.name;
}

TEST(Gguf, CopyingTheMetadataKeepsEveryBit) {
  TemporaryFolder folder;
  WriteEveryKindOfGguf(folder / "a.gguf");
  const GgufFile a = GgufFile::Open(folder / "a.gguf");
  GgufWriter writer(folder / "b.gguf");
  for (const GgufEntry& entry : a.metadata()) writer.Set(entry.key, entry.value);
  for (const TensorInfo& info : a.tensors()) writer.Declare(info.name, info.shape, info.dtype);
  for (const TensorInfo& info : a.tensors()) writer.Write(a.Get(info.name));
  writer.Finish();
  EXPECT_EQ(ReadFile(folder / "a.gguf", 1 << 20), ReadFile(folder / "b.gguf", 1 << 20));
}

TEST(Gguf, WriterRefusesDisorder) {
  TemporaryFolder folder;
  GgufWriter writer(folder / "f.gguf");
  writer.Set("k", uint32_t{1});
  EXPECT_THROW(writer.Set("k", uint32_t{1}), Error);
  writer.Declare("t", {2}, DType::kF32);
  EXPECT_THROW(writer.Declare("t", {2}, DType::kF32), Error);
  EXPECT_THROW(writer.Declare("u", {2}, DType::kBool), Error);
  EXPECT_THROW(writer.Declare("u", {0}, DType::kF32), Error);
  EXPECT_THROW(writer.Write(Tensor::Zeros({3})), Error);
  EXPECT_THROW(writer.Finish(), Error);
  writer.Write(Tensor::Zeros({2}));
  EXPECT_THROW(writer.Write(Tensor::Zeros({2})), Error);
  EXPECT_THROW(writer.Set("late", uint32_t{1}), Error);
}

TEST(Gguf, VersionTwoIsReadAndOthersAreNamed) {
  EXPECT_EQ(Parse(Start(0, 0, 2)).version, 2u);
  ExpectError(Start(0, 0, 1), "version 1");
  ExpectError(Start(0, 0, 4), "GGUF version 4");
  ExpectError(Start(0, 0, 0x03000000), "big-endian");
  ExpectError("GGUX" + Start(0, 0).substr(4), "does not begin");
}

TEST(Gguf, LyingCountsAndLengthsAreRefused) {
  ExpectError(Start(uint64_t{1} << 63, 0), "the limit is");
  ExpectError(Start(0, uint64_t{1} << 63), "the limit is");
  ExpectError(Start(1000, 0), "Was the download cut?");
  std::string value;
  AppendGguf(value, uint64_t{1} << 40);
  ExpectError(WithKey(8, value), "string of 1099511627776 bytes");
  ExpectError(WithKey(13, ""), "unknown value type 13");
  ExpectError(WithKey(7, "\x02"), "truth value of 2");
  for (const uint64_t count : {uint64_t{1} << 63, uint64_t{1} << 26, (uint64_t{1} << 61) + 1}) {
    for (const uint32_t type : {0u, 6u, 8u, 9u, 12u}) {
      std::string array;
      AppendGguf(array, type);
      AppendGguf(array, count);
      EXPECT_THROW(Parse(WithKey(9, array)), Error);
    }
  }
  std::string nested;
  for (int i = 0; i < 20; ++i) {
    AppendGguf(nested, uint32_t{9});
    AppendGguf(nested, uint64_t{1});
  }
  ExpectError(WithKey(9, nested), "nests arrays deeper");
}

TEST(Gguf, LyingTensorsAreRefused) {
  EXPECT_EQ(Parse(WithTensors({{}}, 16)).tensors.size(), 1u);
  ExpectError(WithTensors({{}}, 15), "ends at byte");
  ExpectError(WithTensors({{.axes = {0}}}, 16), "axis of length 0");
  ExpectError(WithTensors({{.axes = {uint64_t{1} << 63}}}, 16), "axis of length 9223372036854775808");
  ExpectError(WithTensors({{.axes = {uint64_t{1} << 62}}}, 16), "overflow");
  ExpectError(WithTensors({{.axes = {uint64_t{1} << 32, uint64_t{1} << 32}}}, 16), "overflow");
  ExpectError(WithTensors({{.axes = {1, 1, 1, 1, 1}}}, 16), "5 axes");
  ExpectError(WithTensors({{.offset = 8}}, 64), "not a multiple of 32");
  ExpectError(WithTensors({{.offset = uint64_t{1} << 63}}, 64), "not a multiple of 32");
  ExpectError(WithTensors({{.name = "a", .offset = (uint64_t{1} << 63) - 32}}, 64), "f: tensor \"a\": ");
  ExpectError(WithTensors({{.name = "a"}, {.name = "a", .offset = 32}}, 64), "stands twice");
  ExpectError(WithTensors({{.name = "a"}, {.name = "b"}}, 64), "overlap");
  ExpectError(WithTensors({{.axes = {32}, .type = 16}}, 64), "IQ2_XXS, which cannot be read");
  ExpectError(WithTensors({{.axes = {32}, .type = 5}}, 64), "unknown type 5");
  ExpectError(WithTensors({{.axes = {33}, .type = 2}}, 64), "not whole blocks");
  ExpectError(WithTensors({{.axes = {}, .type = 2}}, 64), "not whole blocks");
}

TEST(Gguf, DuplicateKeysAndBadAlignmentAreRefused) {
  std::string bytes = Start(0, 2);
  for (int i = 0; i < 2; ++i) {
    AppendGguf(bytes, std::string("k"));
    AppendGguf(bytes, uint32_t{0});
    bytes += 'x';
  }
  ExpectError(bytes, "stands twice");
  for (const uint32_t alignment : {0u, 3u, 1u << 21}) {
    std::string file = Start(0, 1);
    AppendGguf(file, std::string("general.alignment"));
    AppendGguf(file, uint32_t{4});
    AppendGguf(file, alignment);
    ExpectError(file, "power of two");
  }
}

TEST(Gguf, EveryTruncationIsAnError) {
  TemporaryFolder folder;
  WriteEveryKindOfGguf(folder / "f.gguf");
  const std::string bytes = ReadFile(folder / "f.gguf", 1 << 20);
  const GgufHeader whole = Parse(bytes);
  const auto last = std::ranges::max_element(whole.tensors, {}, &TensorInfo::begin);
  for (size_t n = 0; n < bytes.size(); n += n < static_cast<size_t>(whole.data_begin) ? 1 : 17) {
    if (static_cast<int64_t>(n) >= last->begin + last->bytes) break;  // only padding is missing
    EXPECT_THROW(Parse(bytes.substr(0, n)), Error) << n;
  }
}

}  // namespace
}  // namespace tessera::weights
