#pragma once
// The vectors of tests/data/quant, made by tools/oracle/quant_blocks.py.

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace tessera {

inline std::vector<std::byte> QuantBytes(const std::string& name) {
  std::ifstream file(std::string(TESSERA_TEST_DATA) + "/quant/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

inline std::vector<float> QuantValues(const std::string& name) {
  const std::vector<std::byte> bytes = QuantBytes(name);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

}  // namespace tessera
