#pragma once
// A file's bytes in memory without reading them: pages come from the disk when they are touched.
//
//   auto file = MappedFile::Open("model.gguf");
//   file->bytes()[0] …;  file->RequireIntact();
//
// Somebody may cut a file short while it is mapped; touching a page that is gone would then end the process with
// SIGBUS. Here such a page reads as zeros and the mapping becomes `broken`. So who has read a mapping calls
// RequireIntact() before trusting what was read: after parsing a header, and after a pass over the weights.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace tessera {

class MappedFile {
 public:
  // Maps a whole regular file, read only. An empty file has no bytes.
  // Throws Error if the file is absent, unreadable or not a regular file, or if 4096 files are mapped already.
  static std::shared_ptr<const MappedFile> Open(const std::filesystem::path& path);

  // The same for bytes that are in memory already; `name` stands for the path in errors.
  static std::shared_ptr<const MappedFile> FromMemory(std::string bytes, std::string name);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  int64_t size() const { return static_cast<int64_t>(size_); }

  // True once a page could not be read: the file was cut short, or the disk failed.
  bool broken() const;
  // Throws Error "path: …" if the mapping is broken or if the file is shorter now than when it was mapped.
  void RequireIntact() const;

 private:
  friend const std::byte* ReadMapped(std::span<const std::byte> bytes, std::byte* buffer);

  MappedFile() = default;
  std::string path_;
  int descriptor_ = -1;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  int slot_ = -1;
  std::string memory_;  // of FromMemory
};

// Throws Error if any mapping that is alive is broken. Costs a load of one number while none is, so a model may call it
// after every pass over its weights.
void RequireMappingsIntact();

// For bytes that are read once: where they lie in a mapping of ours, reads them from its file into `buffer`, which has
// room for them, and returns that; a page fault for each 4 KB of a mapping costs more, and holds its pages. Bytes of
// anything else are returned as they are. What cannot be read is zeros, and the mapping becomes broken. Whoever calls
// this keeps the mapping alive.
const std::byte* ReadMapped(std::span<const std::byte> bytes, std::byte* buffer);

// Says that these bytes will not be read again soon: the memory of those that lie in a mapping of ours goes back to the
// system (and comes back from the file when they are touched after all). Bytes of anything else are left alone.
void ReleaseMappedPages(std::span<const std::byte> bytes);

// The bytes of a small file (a config, a tokenizer), read at once.
// Throws Error if the file is absent or unreadable, is not a regular file, or has more than `max_bytes` bytes.
std::string ReadFile(const std::filesystem::path& path, int64_t max_bytes);

}  // namespace tessera
