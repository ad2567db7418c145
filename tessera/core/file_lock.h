#pragma once
// A lock between processes. The system frees it when its holder ends, however it ends.

#include <filesystem>
#include <functional>

namespace tessera {

class FileLock {
 public:
  // Takes the lock of the file `path`, which is made if need be and stays. Where another process holds it, calls
  // `on_wait` once and waits. Throws Error if the file cannot be made.
  explicit FileLock(const std::filesystem::path& path, const std::function<void()>& on_wait = {});
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  int descriptor_ = -1;
};

}  // namespace tessera
