#pragma once
// Where the numbers of a model file stand, and values that readers get wrong: for fuzzers and mutation tests that
// change one field and leave the rest of the file as it was.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::fuzz {

struct Field {
  size_t begin = 0, size = 0;  // bytes in the file
};

// Walks a GGUF header as far as it makes sense, and notes every number: version, counts, lengths, types, values, axes,
// offsets. Never throws: a damaged file gives the fields before the damage.
class GgufFields {
 public:
  static std::vector<Field> Find(std::string_view bytes) {
    GgufFields walk{bytes};
    walk.Header();
    return walk.fields_;
  }

 private:
  std::string_view bytes_;
  std::vector<Field> fields_{};
  size_t at_ = 4;  // after the magic

  explicit GgufFields(std::string_view bytes) : bytes_(bytes) {}

  // The number at the present place, noted as a field; false at the end of the bytes.
  bool Number(size_t size, uint64_t* value) {
    if (at_ > bytes_.size() || size > bytes_.size() - at_) return false;
    *value = 0;
    std::memcpy(value, bytes_.data() + at_, size);
    fields_.push_back({at_, size});
    at_ += size;
    return fields_.size() < 100'000;
  }
  bool Skip(uint64_t n) {
    if (n > bytes_.size() || at_ > bytes_.size() - n) return false;
    at_ += n;
    return true;
  }
  bool String() {
    uint64_t length = 0;
    return Number(8, &length) && Skip(length);
  }
  bool Value(uint64_t type, int nesting) {
    constexpr size_t kWidths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    uint64_t ignored = 0, element = 0, count = 0;
    if (type >= std::size(kWidths)) return false;
    if (type == 8) return String();
    if (type != 9) return Number(kWidths[type], &ignored);
    if (nesting > 8 || !Number(4, &element) || !Number(8, &count)) return false;
    for (uint64_t i = 0; i < count; ++i)
      if (!Value(element, nesting + 1)) return false;
    return true;
  }
  void Header() {
    uint64_t version = 0, tensors = 0, keys = 0, type = 0, axes = 0, ignored = 0;
    if (!Number(4, &version) || !Number(8, &tensors) || !Number(8, &keys)) return;
    for (uint64_t i = 0; i < keys; ++i)
      if (!String() || !Number(4, &type) || !Value(type, 0)) return;
    for (uint64_t i = 0; i < tensors; ++i) {
      if (!String() || !Number(4, &axes)) return;
      for (uint64_t axis = 0; axis < axes; ++axis)
        if (!Number(8, &ignored)) return;
      if (!Number(4, &ignored) || !Number(8, &ignored)) return;
    }
  }
};

// The runs of digits in a safetensors header (bytes 8 and on).
inline std::vector<Field> SafetensorsFields(std::string_view bytes) {
  std::vector<Field> fields;
  uint64_t length = 0;
  if (bytes.size() < 8) return fields;
  std::memcpy(&length, bytes.data(), 8);
  const size_t end = length < bytes.size() - 8 ? static_cast<size_t>(length) + 8 : bytes.size();
  for (size_t i = 8; i < end; ++i) {
    size_t n = 0;
    while (i + n < end && bytes[i + n] >= '0' && bytes[i + n] <= '9') ++n;
    if (n > 0) fields.push_back({i, n});
    i += n;
  }
  return fields;
}

// A value that is on an edge: 0, 1, powers of two and their neighbours, or `old` changed a little.
inline uint64_t EdgeValue(uint64_t old, uint64_t random) {
  const uint64_t power = uint64_t{1} << (random >> 8 & 63);
  switch (random & 7) {
    case 0:
      return 0;
    case 1:
      return power;
    case 2:
      return power - 1;
    case 3:
      return power + 1;
    case 4:
      return old + 1;
    case 5:
      return old - 1;
    case 6:
      return old ^ power;
    default:
      return ~uint64_t{0} - (random >> 8 & 63);
  }
}

// Gives one field of a GGUF file an edge value.
inline void MutateGgufField(std::string& bytes, const std::vector<Field>& fields, uint64_t random) {
  if (fields.empty()) return;
  const Field field = fields[random % fields.size()];
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + field.begin, field.size);
  value = EdgeValue(value, random / fields.size());
  std::memcpy(bytes.data() + field.begin, &value, field.size);
}

// Gives one number of a safetensors header an edge value, and the header its new length.
inline void MutateSafetensorsField(std::string& bytes, const std::vector<Field>& fields, uint64_t random) {
  if (fields.empty()) return;
  const Field field = fields[random % fields.size()];
  uint64_t old = 0, length = 0;
  for (size_t i = 0; i < field.size; ++i) old = old * 10 + static_cast<uint64_t>(bytes[field.begin + i] - '0');
  const std::string text = std::to_string(EdgeValue(old, random / fields.size()));
  std::memcpy(&length, bytes.data(), 8);
  length += text.size() - field.size;
  bytes.replace(field.begin, field.size, text);
  std::memcpy(bytes.data(), &length, 8);
}

}  // namespace tessera::fuzz
