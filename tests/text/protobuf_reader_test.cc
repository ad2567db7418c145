#include "tessera/text/protobuf_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::text {
namespace {

int64_t OneNumber(const std::string& varint) {
  const std::string bytes = "\x08" + varint;  // field 1, a number
  const auto field = ProtobufReader(bytes).Next();
  return field->Integer();
}

TEST(ProtobufReader, NumbersHaveUpTo64Bits) {
  EXPECT_EQ(OneNumber("\x7f"), 127);
  EXPECT_EQ(OneNumber("\x80\x01"), 128);
  EXPECT_EQ(OneNumber(std::string(8, '\xff') + "\x7f"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(OneNumber(std::string(9, '\xff') + "\x01"), -1);
}

TEST(ProtobufReader, MoreThan64BitsAreRefused) {
  for (const std::string& varint :
       {std::string(9, '\xff') + "\x02", std::string(9, '\xff') + "\x7f", std::string(11, '\xff')}) {
    try {
      OneNumber(varint);
      ADD_FAILURE() << varint.size();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("more than 64 bits"));
    }
  }
}

}  // namespace
}  // namespace tessera::text
