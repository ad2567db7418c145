#include "tessera/weights/zip_archive.h"

#include <algorithm>
#include <functional>

#include "tessera/core/error.h"
#include "tessera/weights/byte_reader.h"

namespace tessera::weights {
namespace {

constexpr std::string_view kLocal = "PK\x03\x04", kCentral = "PK\x01\x02", kEnd = "PK\x05\x06";
constexpr size_t kEndBytes = 22, kCentralBytes = 46, kLocalBytes = 30, kMostComment = 65535;

// Little-endian numbers at fixed places of a record.
uint32_t Word(std::string_view record, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value |= static_cast<uint32_t>(static_cast<uint8_t>(record[at + i])) << (8 * i);
  return value;
}
uint32_t Half(std::string_view record, size_t at) {
  return static_cast<uint8_t>(record[at]) | static_cast<uint32_t>(static_cast<uint8_t>(record[at + 1])) << 8;
}

// The end record is the last thing but for a comment.
std::string_view EndRecord(std::string_view bytes, std::string_view where) {
  const size_t searched = std::min(bytes.size(), kEndBytes + kMostComment);
  const size_t at = bytes.substr(bytes.size() - searched).rfind(kEnd);
  Require(at != std::string_view::npos, "{}: not a ZIP archive, or cut: the end of its directory is missing", where);
  const std::string_view record = bytes.substr(bytes.size() - searched + at);
  Require(record.size() >= kEndBytes, "{}: the end of the archive's directory is cut", where);
  return record;
}

}  // namespace

std::map<std::string, ZipMember, std::less<>> ReadZipDirectory(std::string_view bytes, std::string_view where) {
  const std::string_view end = EndRecord(bytes, where);
  const uint32_t count = Half(end, 10), size = Word(end, 12), begin = Word(end, 16);
  Require(begin <= bytes.size() && size <= bytes.size() - begin,
          "{}: the archive's directory lies outside the file, or the file is beyond 4 GiB", where);
  ByteReader directory(bytes.substr(begin, size), where);
  std::map<std::string, ZipMember, std::less<>> members;
  for (uint32_t i = 0; i < count; ++i) {
    const std::string_view entry = directory.Take(kCentralBytes, "an entry of the directory");
    Require(entry.starts_with(kCentral), "{}: entry {} of the archive's directory is damaged", where, i);
    const std::string name(directory.Take(Half(entry, 28), "a name"));
    directory.Take(Half(entry, 30) + Half(entry, 32), "extra fields");
    const uint32_t stored = Word(entry, 20), offset = Word(entry, 42);
    Require(Half(entry, 10) == 0 && stored == Word(entry, 24) && (Half(entry, 8) & 1) == 0,
            "{}: \"{}\" is compressed or encrypted; only archives that store their members can be mapped", where, name);
    Require(offset <= bytes.size() && bytes.size() - offset >= kLocalBytes,
            "{}: \"{}\" lies outside the file. Was the download cut?", where, name);
    const std::string_view local = bytes.substr(offset, kLocalBytes);
    Require(local.starts_with(kLocal), "{}: the header of \"{}\" is damaged", where, name);
    const uint64_t data = uint64_t{offset} + kLocalBytes + Half(local, 26) + Half(local, 28);
    Require(data <= bytes.size() && stored <= bytes.size() - data,
            "{}: \"{}\" lies outside the file. Was the download cut?", where, name);
    const ZipMember member{.begin = static_cast<int64_t>(data), .bytes = int64_t{stored}};
    Require(members.emplace(name, member).second, "{}: \"{}\" is in the archive twice", where, name);
  }
  return members;
}

}  // namespace tessera::weights
