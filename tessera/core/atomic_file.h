#pragma once
// A file that appears whole or not at all, whatever happens while it is written.
//
//   AtomicFile file("out.gguf");
//   file.Write(bytes);  …
//   file.Commit();                   // only now does out.gguf exist, or is its old content replaced
//
// The bytes go to a nameless file in the same folder where the system has those, so that a killed process leaves
// nothing; else to ".out.gguf.XXXXXX.tmp", which the next writer of the same file removes once its owner is gone.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace tessera {

class AtomicFile {
 public:
  // Throws Error if the folder is absent or not writable, or if `path` is something other than a file.
  explicit AtomicFile(const std::filesystem::path& path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();  // without Commit, what was written is gone

  // Appends. Throws Error when the disk is full or fails.
  void Write(std::string_view bytes);
  int64_t position() const { return position_; }  // bytes written so far
  // Gives the file its name, after its bytes reached the disk. Throws Error when the disk is full or fails; then the
  // old content of `path` is untouched.
  void Commit();

 private:
  std::filesystem::path path_, folder_, temporary_;  // no temporary_: the file has no name yet
  int descriptor_ = -1;
  int64_t position_ = 0;
  std::string buffer_;

  void Flush();
  void OpenNamed();
  void RemoveStale() const;
  std::filesystem::path NewName() const;
  [[noreturn]] void FailWith(std::string_view what, int error) const;
};

}  // namespace tessera
