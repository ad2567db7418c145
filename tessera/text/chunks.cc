#include "tessera/text/chunks.h"

#include "tessera/text/unicode.h"

namespace tessera::text {
namespace {

void CutRuns(std::string_view chunk, size_t max_run, std::vector<std::string_view>& parts) {
  size_t begin = 0, run = 0;
  bool run_is_space = false;
  for (size_t at = 0; at < chunk.size();) {
    const CodePoint c = DecodeUtf8(chunk, at);
    const bool space = IsPythonSpace(c.value);
    if (run == 0 || space != run_is_space) {
      run = 1;
      run_is_space = space;
    } else if (++run > max_run) {
      parts.push_back(chunk.substr(begin, at - begin));
      begin = at;
      run = 1;
    }
    at += c.size;
  }
  parts.push_back(chunk.substr(begin));
}

}  // namespace

std::vector<std::string_view> CutIntoChunks(std::string_view text, const ChunkLimits& limits) {
  if (limits.max_characters == 0 || text.empty()) return {text};
  std::vector<std::string_view> parts;
  size_t begin = 0, characters = 0;
  for (size_t at = 0; at < text.size();) {
    at += DecodeUtf8(text, at).size;
    if (++characters < limits.max_characters && at < text.size()) continue;
    CutRuns(text.substr(begin, at - begin), limits.max_run, parts);
    begin = at;
    characters = 0;
  }
  return parts;
}

}  // namespace tessera::text
