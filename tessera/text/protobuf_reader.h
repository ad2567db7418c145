#pragma once
// Reads the fields of a protocol buffer message from bytes that may lie. Only the wire format: the caller knows which
// field means what and skips the others.

#include <cstdint>
#include <optional>
#include <string_view>

namespace tessera::text {

class ProtobufReader {
 public:
  explicit ProtobufReader(std::string_view bytes) : bytes_(bytes) {}

  enum class Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  struct Field {
    uint32_t number = 0;
    Wire wire = Wire::kVarint;
    uint64_t value = 0;      // varints and fixed values, as bits
    std::string_view bytes;  // strings and messages

    // The field as that type; throws Error if the wire type is another.
    std::string_view Bytes() const;
    int64_t Integer() const;
    bool Bool() const { return Integer() != 0; }
    float Float() const;
  };

  // The next field, or nothing at the end. Throws Error if the bytes end inside it or its type is not known.
  std::optional<Field> Next();

 private:
  uint64_t Varint();
  uint64_t Fixed(size_t size);

  std::string_view bytes_;
  size_t at_ = 0;
};

}  // namespace tessera::text
