#include "tessera/cli/read_text.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

constexpr size_t kMostBytes = size_t{1} << 30;

}  // namespace

std::string ReadText(const std::string& path) {
  const auto close = [](std::FILE* file) {
    if (file != stdin) std::fclose(file);
  };
  const std::unique_ptr<std::FILE, decltype(close)> file(path == "-" ? stdin : std::fopen(path.c_str(), "rb"), close);
  Require(file != nullptr, "{}: cannot be opened: {}", path, std::strerror(errno));
  std::string text;
  char buffer[65536];
  while (const size_t count = std::fread(buffer, 1, sizeof(buffer), file.get())) {
    text.append(buffer, count);
    Require(text.size() <= kMostBytes, "{}: the text is longer than 1 GiB; give a part of it", path);
  }
  Require(std::ferror(file.get()) == 0, "{}: cannot be read: {}", path, std::strerror(errno));
  return text;
}

}  // namespace tessera::cli
