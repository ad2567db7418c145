#pragma once
// Reads little-endian values one after the other from bytes that may lie.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "tessera/core/error.h"

namespace tessera::weights {

class ByteReader {
 public:
  // `where` names the file in errors. Both must live as long as the reader.
  ByteReader(std::string_view bytes, std::string_view where) : bytes_(bytes), where_(where) {}

  size_t position() const { return position_; }
  size_t left() const { return bytes_.size() - position_; }
  std::string_view where() const { return where_; }
  std::string_view rest() const { return bytes_.substr(position_); }  // what is left, in place

  // The next n bytes, in place. Throws Error "where: what: …" if there are fewer.
  std::string_view Take(uint64_t n, std::string_view what) {
    Require(n <= left(), "{}: {} at byte {} needs {} bytes but {} are left. Was the download cut?", where_, what,
            position_, n, left());
    const std::string_view taken = bytes_.substr(position_, n);
    position_ += n;
    return taken;
  }

  template <typename T>
  T Read(std::string_view what) {
    T value;
    std::memcpy(&value, Take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

 private:
  std::string_view bytes_, where_;
  size_t position_ = 0;
};

}  // namespace tessera::weights
