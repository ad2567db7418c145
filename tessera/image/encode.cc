#include "tessera/image/encode.h"

#include <algorithm>

#include "tessera/core/atomic_file.h"

namespace tessera::image {
namespace {

std::string Encoded(const std::filesystem::path& path, const Tensor& picture) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  if (extension == ".png") return EncodePng(picture);
  if (extension == ".jpg" || extension == ".jpeg") return EncodeJpeg(picture);
  if (extension == ".webp") return EncodeWebp(picture);
  Fail("{}: pictures are written as .png, .jpg, .jpeg or .webp", path.string());
}

}  // namespace

void WritePicture(const std::filesystem::path& path, const Tensor& picture) {
  const std::string bytes = Encoded(path, picture);
  AtomicFile file(path);
  file.Write(bytes);
  file.Commit();
}

}  // namespace tessera::image
