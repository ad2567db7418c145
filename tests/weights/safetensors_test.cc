#include "tessera/weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/weights/temporary_folder.h"

namespace tessera::weights {
namespace {

std::string File(std::string_view header, std::string_view data) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + std::string(header) + std::string(data);
}

void ExpectError(std::string_view header, std::string_view data, const std::string& text) {
  const std::string file = File(header, data);
  try {
    ParseSafetensorsHeader(file, static_cast<int64_t>(file.size()), "f");
    FAIL() << "no error for " << header;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(text));
  }
}

TEST(Safetensors, WhatIsWrittenIsReadBack) {
  TemporaryFolder folder;
  const Tensor a = Tensor::From<float>({1, 2, 3, 4, 5, 6}, {2, 3}), b = Tensor::From<uint8_t>({7}, {1});
  const Tensor c = Tensor::From<double>({0.5, -1}, {2}), empty = Tensor::Empty({0, 4}, DType::kI64);
  WriteSafetensors(folder / "t.safetensors", {{"b", b}, {"a", a}, {"c", c}, {"e", empty}}, {{"format", "pt"}});
  const SafetensorsFile file = SafetensorsFile::Open(folder / "t.safetensors");
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.Get("a").shape(), (Shape{2, 3}));
  EXPECT_EQ(file.Get("a").data<float>()[5], 6);
  EXPECT_EQ(file.Get("b").item<uint8_t>(), 7);
  EXPECT_EQ(file.Get("c").data<double>()[1], -1);
  EXPECT_EQ(file.Get("e").numel(), 0);
  EXPECT_THROW(file.Get("d"), Error);
}

TEST(Safetensors, UnalignedValuesAreReadToo) {
  TemporaryFolder folder;
  const float value = 2.5f;
  std::string data = "x" + std::string(reinterpret_cast<const char*>(&value), 4);
  std::ofstream(folder / "u.safetensors") << File(
      R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"y":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
      data);
  EXPECT_EQ(SafetensorsFile::Open(folder / "u.safetensors").Get("y").item<float>(), 2.5f);
}

TEST(Safetensors, EveryLieIsNamed) {
  ExpectError("[]", "", "does not begin with '{'");
  ExpectError("{", "", "not valid JSON");
  ExpectError(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "", "ends at byte");
  ExpectError(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "xy", "belong to no tensor");
  ExpectError(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", "xy", "belong to no tensor");
  ExpectError(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,1]}})", "x", "takes 2 bytes but the range has 1");
  ExpectError(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{}})", "x", "stands twice");
  ExpectError(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
                  "b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
              "xy", "overlaps");
  ExpectError(R"({"a":{"dtype":"F7","shape":[1],"data_offsets":[0,1]}})", "x", "the dtype \"F7\"");
  ExpectError(R"({"a":{"dtype":"F64","shape":[4611686018427387904,2],"data_offsets":[0,1]}})", "x", "overflows");
  ExpectError(R"({"a":{"dtype":"F64","shape":[9223372036854775808],"data_offsets":[0,1]}})", "x", "not a size");
  ExpectError(R"({"a":{"dtype":"F64","shape":[-1],"data_offsets":[0,1]}})", "x", "not a size");
  ExpectError(R"({"a":{"dtype":"U8","shape":[1e999],"data_offsets":[0,1]}})", "x", "out of range");
  ExpectError(R"({"a":[[[[[1]]]]]})", "x", "nested deeper");
  ExpectError(R"({"__metadata__":{"a":1}})", "", "not a string");
}

TEST(Safetensors, HugeHeaderIsRefusedBeforeItIsRead) {
  const uint64_t length = 100'000'000'000;
  const std::string file(reinterpret_cast<const char*>(&length), 8);
  EXPECT_THROW(ParseSafetensorsHeader(file, 8, "f"), Error);
}

TEST(Safetensors, EveryTruncationIsAnError) {
  const std::string file = File(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "01234567");
  EXPECT_EQ(ParseSafetensorsHeader(file, static_cast<int64_t>(file.size()), "f").tensors.size(), 1u);
  for (size_t n = 0; n < file.size(); ++n)
    EXPECT_THROW(ParseSafetensorsHeader(file.substr(0, n), static_cast<int64_t>(n), "f"), Error) << n;
}

}  // namespace
}  // namespace tessera::weights
