#pragma once
// Where the members of a ZIP archive lie, for archives whose members are stored as they are (APPNOTE.TXT 6.3, methods
// and fields below 4 GiB):
//
//   +-------------------------+-----+-------------------------------+------------------------+
//   | local header, name, data | … | central directory: one a member | end of the directory  |
//   +-------------------------+-----+-------------------------------+------------------------+

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace tessera::weights {

struct ZipMember {
  int64_t begin = 0, bytes = 0;  // of its data, in the archive
};

// The members by name. Throws Error "where: …" for what is no such archive: a directory or a member outside the bytes,
// a compressed or encrypted member, a name that stands twice.
std::map<std::string, ZipMember, std::less<>> ReadZipDirectory(std::string_view bytes, std::string_view where);

}  // namespace tessera::weights
