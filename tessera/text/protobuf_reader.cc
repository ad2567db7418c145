#include "tessera/text/protobuf_reader.h"

#include <bit>

#include "tessera/core/error.h"

namespace tessera::text {

std::string_view ProtobufReader::Field::Bytes() const {
  Require(wire == Wire::kBytes, "protobuf: field {} should be bytes, its wire type is {}", number,
          static_cast<int>(wire));
  return bytes;
}

int64_t ProtobufReader::Field::Integer() const {
  Require(wire == Wire::kVarint, "protobuf: field {} should be a number, its wire type is {}", number,
          static_cast<int>(wire));
  return static_cast<int64_t>(value);
}

float ProtobufReader::Field::Float() const {
  Require(wire == Wire::kFixed32, "protobuf: field {} should be a float, its wire type is {}", number,
          static_cast<int>(wire));
  return std::bit_cast<float>(static_cast<uint32_t>(value));
}

uint64_t ProtobufReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    Require(at_ < bytes_.size(), "protobuf: the file ends inside a number, at byte {}", at_);
    const auto byte = static_cast<unsigned char>(bytes_[at_++]);
    if (shift == 63 && byte > 1) break;
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  Fail("protobuf: a number of more than 64 bits, at byte {}", at_);
}

uint64_t ProtobufReader::Fixed(size_t size) {
  Require(bytes_.size() - at_ >= size, "protobuf: the file ends inside a number, at byte {}", at_);
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i)
    value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes_[at_ + i])) << (8 * i);
  at_ += size;
  return value;
}

std::optional<ProtobufReader::Field> ProtobufReader::Next() {
  if (at_ == bytes_.size()) return std::nullopt;
  const uint64_t tag = Varint();
  Require(tag >> 3 >= 1 && tag >> 3 < 1u << 29, "protobuf: the field number {} is out of range", tag >> 3);
  Field field{.number = static_cast<uint32_t>(tag >> 3), .wire = static_cast<Wire>(tag & 7)};
  switch (tag & 7) {
    case 0:
      field.value = Varint();
      break;
    case 1:
      field.value = Fixed(8);
      break;
    case 5:
      field.value = Fixed(4);
      break;
    case 2: {
      const uint64_t size = Varint();
      Require(size <= bytes_.size() - at_, "protobuf: field {} has {} bytes but only {} are left. Was the file cut?",
              field.number, size, bytes_.size() - at_);
      field.bytes = bytes_.substr(at_, size);
      at_ += size;
      break;
    }
    default:
      Fail("protobuf: the wire type {} of field {} is not known", tag & 7, field.number);
  }
  return field;
}

}  // namespace tessera::text
