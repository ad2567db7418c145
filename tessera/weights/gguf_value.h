#pragma once
// The metadata values of a GGUF file. Strings and arrays are views of the file's bytes, so that a vocabulary of 50,000
// tokens costs 4 bytes a token; they are valid as long as the file is open.

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "tessera/weights/byte_reader.h"

namespace tessera::weights {

// The numbers are the format's own.
enum class GgufType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};
std::string_view Name(GgufType type);  // "u8", …, "string", "array"

inline constexpr uint64_t kMaxGgufString = uint64_t{1} << 20;  // bytes
inline constexpr uint64_t kMaxGgufArray = uint64_t{1} << 26;   // elements
inline constexpr int kMaxGgufNesting = 8;                      // arrays of arrays of …

// The GgufType of a C++ type.
template <typename T>
inline constexpr GgufType GgufTypeOf = [] {
  if constexpr (std::is_same_v<T, bool>) {
    return GgufType::kBool;
  } else if constexpr (std::is_same_v<T, float>) {
    return GgufType::kF32;
  } else if constexpr (std::is_same_v<T, double>) {
    return GgufType::kF64;
  } else if constexpr (std::is_convertible_v<T, std::string_view>) {
    return GgufType::kString;
  } else {
    constexpr GgufType kSigned[] = {GgufType::kI8, GgufType::kI16, GgufType::kI32, GgufType::kI64};
    constexpr GgufType kUnsigned[] = {GgufType::kU8, GgufType::kU16, GgufType::kU32, GgufType::kU64};
    constexpr int kLog2 = std::countr_zero(sizeof(T));
    return std::is_signed_v<T> ? kSigned[kLog2] : kUnsigned[kLog2];
  }
}();

// Appends a number's bytes, or a string's length and bytes.
template <typename T>
void AppendGguf(std::string& bytes, const T& value) {
  if constexpr (std::is_convertible_v<T, std::string_view>) {
    const std::string_view text = value;
    AppendGguf(bytes, uint64_t{text.size()});
    bytes.append(text);
  } else {
    static_assert(std::is_arithmetic_v<T>);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
  }
}

class GgufArray;

// A number, a truth value, a string or an array. The accessors throw Error "key: …" when the value is of another kind.
class GgufValue {
 public:
  // Reads a value of that type; throws Error for an unknown type, for a value beyond the limits, and for too few bytes.
  static GgufValue Read(ByteReader& reader, GgufType type, std::string_view key, int nesting = 0);

  // Appends the value to `bytes` as it stands in a file, without its type.
  void Write(std::string& bytes) const;

  GgufType type() const { return type_; }
  bool is_string() const { return type_ == GgufType::kString; }
  bool is_array() const { return type_ == GgufType::kArray; }
  bool is_integer() const;  // of any width
  bool is_number() const;   // an integer or a float

  int64_t Integer(std::string_view key) const;  // throws Error also for a u64 beyond 2^63 - 1
  double Number(std::string_view key) const;    // an f32 as the shortest decimal that reads back as the same f32
  bool Bool(std::string_view key) const;
  std::string_view String(std::string_view key) const;
  const GgufArray& Array(std::string_view key) const;

 private:
  GgufType type_ = GgufType::kU8;
  std::variant<int64_t, uint64_t, double, std::string_view, std::vector<GgufArray>> value_;  // arrays: exactly one
};

// Elements of one type.
class GgufArray {
 public:
  static GgufArray Read(ByteReader& reader, std::string_view key, int nesting);
  // Appends the elements' type, their number and the elements, as they stand in a file.
  void Write(std::string& bytes) const;

  GgufType type() const { return type_; }  // of the elements
  size_t size() const { return size_; }
  // Element i < size(). Throws Error "key: …" when the elements are of another kind.
  int64_t Integer(size_t i, std::string_view key) const;
  double Number(size_t i, std::string_view key) const;
  std::string_view String(size_t i, std::string_view key) const;
  const GgufArray& Array(size_t i, std::string_view key) const;

 private:
  GgufType type_ = GgufType::kU8;
  size_t size_ = 0;
  std::string_view bytes_;         // numbers and strings: as they stand in the file
  std::vector<uint32_t> strings_;  // of a string array: where in `bytes_` each begins, with its length in front
  std::vector<GgufArray> arrays_;  // of an array of arrays

  GgufValue Number(size_t i) const;
};

}  // namespace tessera::weights
