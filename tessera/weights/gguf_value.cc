#include "tessera/weights/gguf_value.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace tessera::weights {
namespace {

constexpr std::array<std::string_view, 13> kNames = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                     "bool", "string", "array", "u64", "i64", "f64"};

// Bytes of a fixed-size value; 0 for strings and arrays.
uint64_t Width(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool:
      return 1;
    case GgufType::kU16:
    case GgufType::kI16:
      return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32:
      return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      return 0;
  }
  return 0;
}

void RequireKnown(GgufType type, std::string_view where, std::string_view key) {
  Require(static_cast<uint32_t>(type) < kNames.size(), "{}: \"{}\" has the unknown value type {}", where, key,
          static_cast<uint32_t>(type));
}

std::string_view ReadString(ByteReader& reader, std::string_view key) {
  const auto length = reader.Read<uint64_t>(key);
  Require(length <= kMaxGgufString, "{}: \"{}\" holds a string of {} bytes, the limit is {}", reader.where(), key,
          length, kMaxGgufString);
  return reader.Take(length, key);
}

// 0.1f is 0.100000001490116…; people and configs mean 0.1.
double Shortest(float value) {
  if (!std::isfinite(value)) return value;
  const std::string text = fmt::format("{}", value);
  double result = value;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

}  // namespace

std::string_view Name(GgufType type) {
  const auto index = static_cast<size_t>(type);
  return index < kNames.size() ? kNames[index] : "unknown";
}

GgufValue GgufValue::Read(ByteReader& reader, GgufType type, std::string_view key, int nesting) {
  RequireKnown(type, reader.where(), key);
  GgufValue value;
  value.type_ = type;
  switch (type) {
    case GgufType::kU8:
      value.value_ = int64_t{reader.Read<uint8_t>(key)};
      break;
    case GgufType::kI8:
      value.value_ = int64_t{reader.Read<int8_t>(key)};
      break;
    case GgufType::kU16:
      value.value_ = int64_t{reader.Read<uint16_t>(key)};
      break;
    case GgufType::kI16:
      value.value_ = int64_t{reader.Read<int16_t>(key)};
      break;
    case GgufType::kU32:
      value.value_ = int64_t{reader.Read<uint32_t>(key)};
      break;
    case GgufType::kI32:
      value.value_ = int64_t{reader.Read<int32_t>(key)};
      break;
    case GgufType::kF32:
      value.value_ = Shortest(reader.Read<float>(key));
      break;
    case GgufType::kBool: {
      const auto byte = reader.Read<uint8_t>(key);
      Require(byte <= 1, "{}: \"{}\" is a truth value of {}", reader.where(), key, byte);
      value.value_ = int64_t{byte};
      break;
    }
    case GgufType::kString:
      value.value_ = ReadString(reader, key);
      break;
    case GgufType::kArray:
      value.value_ = std::vector<GgufArray>(1, GgufArray::Read(reader, key, nesting + 1));
      break;
    case GgufType::kU64:
      value.value_ = reader.Read<uint64_t>(key);
      break;
    case GgufType::kI64:
      value.value_ = reader.Read<int64_t>(key);
      break;
    case GgufType::kF64:
      value.value_ = reader.Read<double>(key);
      break;
  }
  return value;
}

void GgufValue::Write(std::string& bytes) const {
  if (is_array()) return Array("").Write(bytes);
  if (is_string()) return AppendGguf(bytes, String(""));
  if (type_ == GgufType::kF32) return AppendGguf(bytes, static_cast<float>(std::get<double>(value_)));
  if (type_ == GgufType::kF64) return AppendGguf(bytes, std::get<double>(value_));
  // Two's complement, little-endian: the low bytes are the narrower number.
  const uint64_t bits = std::holds_alternative<uint64_t>(value_) ? std::get<uint64_t>(value_)
                                                                 : static_cast<uint64_t>(std::get<int64_t>(value_));
  bytes.append(reinterpret_cast<const char*>(&bits), Width(type_));
}

bool GgufValue::is_integer() const {
  return (std::holds_alternative<int64_t>(value_) && type_ != GgufType::kBool) ||
         std::holds_alternative<uint64_t>(value_);
}

bool GgufValue::is_number() const { return is_integer() || std::holds_alternative<double>(value_); }

int64_t GgufValue::Integer(std::string_view key) const {
  Require(is_integer(), "gguf: \"{}\" is of type {}, expected an integer", key, Name(type_));
  if (const auto* value = std::get_if<int64_t>(&value_)) return *value;
  const uint64_t value = std::get<uint64_t>(value_);
  Require(value <= uint64_t{INT64_MAX}, "gguf: \"{}\" is {}, which is out of range", key, value);
  return static_cast<int64_t>(value);
}

double GgufValue::Number(std::string_view key) const {
  Require(is_number(), "gguf: \"{}\" is of type {}, expected a number", key, Name(type_));
  if (const auto* value = std::get_if<double>(&value_)) return *value;
  if (const auto* value = std::get_if<uint64_t>(&value_)) return static_cast<double>(*value);
  return static_cast<double>(std::get<int64_t>(value_));
}

bool GgufValue::Bool(std::string_view key) const {
  Require(type_ == GgufType::kBool, "gguf: \"{}\" is of type {}, expected a truth value", key, Name(type_));
  return std::get<int64_t>(value_) != 0;
}

std::string_view GgufValue::String(std::string_view key) const {
  Require(is_string(), "gguf: \"{}\" is of type {}, expected a string", key, Name(type_));
  return std::get<std::string_view>(value_);
}

const GgufArray& GgufValue::Array(std::string_view key) const {
  Require(is_array(), "gguf: \"{}\" is of type {}, expected an array", key, Name(type_));
  return std::get<std::vector<GgufArray>>(value_).front();
}

GgufArray GgufArray::Read(ByteReader& reader, std::string_view key, int nesting) {
  Require(nesting <= kMaxGgufNesting, "{}: \"{}\" nests arrays deeper than {}", reader.where(), key, kMaxGgufNesting);
  GgufArray array;
  array.type_ = static_cast<GgufType>(reader.Read<uint32_t>(key));
  RequireKnown(array.type_, reader.where(), key);
  const auto count = reader.Read<uint64_t>(key);
  Require(count <= kMaxGgufArray, "{}: \"{}\" has {} elements, the limit is {}", reader.where(), key, count,
          kMaxGgufArray);
  array.size_ = count;
  if (const uint64_t width = Width(array.type_); width > 0) {
    array.bytes_ = reader.Take(count * width, key);
    return array;
  }
  // A string takes at least 8 bytes and an array 12, so a count that passes here cannot ask for much more memory than
  // the file has bytes.
  const uint64_t least = array.type_ == GgufType::kString ? 8 : 12;
  Require(count <= reader.left() / least, "{}: \"{}\" claims {} elements but {} bytes are left. Was the download cut?",
          reader.where(), key, count, reader.left());
  if (array.type_ == GgufType::kArray) {
    for (uint64_t i = 0; i < count; ++i) array.arrays_.push_back(Read(reader, key, nesting + 1));
    return array;
  }
  const std::string_view all = reader.rest();
  const size_t begin = reader.position();
  array.strings_.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const size_t at = reader.position() - begin;
    Require(at <= UINT32_MAX, "{}: \"{}\" holds strings of more than 4 GiB together", reader.where(), key);
    array.strings_.push_back(static_cast<uint32_t>(at));
    ReadString(reader, key);
  }
  array.bytes_ = all.substr(0, reader.position() - begin);
  return array;
}

void GgufArray::Write(std::string& bytes) const {
  AppendGguf(bytes, static_cast<uint32_t>(type_));
  AppendGguf(bytes, uint64_t{size_});
  bytes.append(bytes_);
  for (const GgufArray& array : arrays_) array.Write(bytes);
}

GgufValue GgufArray::Number(size_t i) const {
  const uint64_t width = Width(type_);
  ByteReader reader(bytes_.substr(i * width, width), "gguf");
  return GgufValue::Read(reader, type_, "element");
}

int64_t GgufArray::Integer(size_t i, std::string_view key) const {
  Require(i < size_ && Width(type_) > 0, "gguf: \"{}\" has no integer {}: {} elements of type {}", key, i, size_,
          Name(type_));
  if (type_ == GgufType::kI32) {  // token types: one for each token
    int32_t value;
    std::memcpy(&value, bytes_.data() + i * sizeof(value), sizeof(value));
    return value;
  }
  return Number(i).Integer(key);
}

double GgufArray::Number(size_t i, std::string_view key) const {
  Require(i < size_ && Width(type_) > 0, "gguf: \"{}\" has no number {}: {} elements of type {}", key, i, size_,
          Name(type_));
  return Number(i).Number(key);
}

std::string_view GgufArray::String(size_t i, std::string_view key) const {
  Require(i < strings_.size(), "gguf: \"{}\" has no string {}: {} elements of type {}", key, i, size_, Name(type_));
  const char* at = bytes_.data() + strings_[i];
  uint64_t length;
  std::memcpy(&length, at, sizeof(length));
  return {at + sizeof(length), static_cast<size_t>(length)};
}

const GgufArray& GgufArray::Array(size_t i, std::string_view key) const {
  Require(i < arrays_.size(), "gguf: \"{}\" has no array {}: {} elements of type {}", key, i, size_, Name(type_));
  return arrays_[i];
}

}  // namespace tessera::weights
