#include "tessera/core/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "tessera/core/error.h"

namespace tessera {

FileLock::FileLock(const std::filesystem::path& path, const std::function<void()>& on_wait) {
  descriptor_ = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  Require(descriptor_ >= 0, "{}: cannot be made: {}", path.string(), std::strerror(errno));
  if (flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  if (on_wait) on_wait();
  while (flock(descriptor_, LOCK_EX) != 0) {
    const int error = errno;
    if (error == EINTR) continue;
    close(descriptor_);
    Fail("{}: cannot be locked: {}", path.string(), std::strerror(error));
  }
}

FileLock::~FileLock() { close(descriptor_); }

}  // namespace tessera
