#pragma once
// Numbers at places of a file that comes from outside.

#include <cstdint>
#include <string_view>

#include "tessera/core/error.h"

namespace tessera::image {

// A view of a file's bytes; owns nothing. Every read beyond the end throws Error "format: the file ends early".
class ByteView {
 public:
  ByteView(std::string_view bytes, std::string_view format) : bytes_(bytes), format_(format) {}

  size_t size() const { return bytes_.size(); }
  uint8_t U8(size_t at) const {
    Check(at, 1);
    return static_cast<uint8_t>(bytes_[at]);
  }
  uint16_t Little16(size_t at) const { return static_cast<uint16_t>(U8(at) | U8(at + 1) << 8); }
  uint32_t Little32(size_t at) const { return Little16(at) | static_cast<uint32_t>(Little16(at + 2)) << 16; }
  uint16_t Big16(size_t at) const { return static_cast<uint16_t>(U8(at) << 8 | U8(at + 1)); }
  uint32_t Big32(size_t at) const { return static_cast<uint32_t>(Big16(at)) << 16 | Big16(at + 2); }
  std::string_view Part(size_t at, size_t count) const {
    Check(at, count);
    return bytes_.substr(at, count);
  }

 private:
  std::string_view bytes_, format_;

  void Check(size_t at, size_t count) const {
    Require(at <= bytes_.size() && count <= bytes_.size() - at, "{}: the file ends early", format_);
  }
};

}  // namespace tessera::image
