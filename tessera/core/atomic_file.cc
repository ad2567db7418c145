#include "tessera/core/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>

#include "tessera/core/error.h"

namespace tessera {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr std::string_view kSuffix = ".tmp";

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& path) : path_(path), folder_(path.parent_path()) {
  if (folder_.empty()) folder_ = ".";
  struct stat status;
  if (lstat(path_.c_str(), &status) == 0) {
    Require(S_ISREG(status.st_mode) || S_ISLNK(status.st_mode), "{}: cannot be written: it is not a file",
            path_.string());
  }
  Require(!path_.filename().empty(), "{}: cannot be written: it names no file", path_.string());
  RemoveStale();
  // A file without a name gets it through /proc, which some containers lack.
  const bool can_name_later = access("/proc/self/fd", X_OK) == 0;
  if (can_name_later) descriptor_ = open(folder_.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (descriptor_ < 0) OpenNamed();
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void AtomicFile::FailWith(std::string_view what, int error) const {
  const char* advice = error == ENOSPC || error == EDQUOT ? ". Free some space and try again" : "";
  Fail("{}: {}: {}{}", path_.string(), what, std::strerror(error), advice);
}

std::filesystem::path AtomicFile::NewName() const {
  std::random_device random;
  return folder_ / fmt::format(".{}.{:08x}{}", path_.filename().string(), random(), kSuffix);
}

// The lock tells a living writer from one that was killed.
void AtomicFile::OpenNamed() {
  temporary_ = NewName();
  descriptor_ = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ >= 0) {
    flock(descriptor_, LOCK_EX | LOCK_NB);
    return;
  }
  const int error = errno;
  temporary_.clear();
  FailWith("cannot create a file in its folder", error);
}

void AtomicFile::RemoveStale() const {
  const std::string prefix = "." + path_.filename().string() + ".";
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || name.size() != prefix.size() + 8 + kSuffix.size() || !name.ends_with(kSuffix))
      continue;
    const int descriptor = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) continue;
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) unlink(entry.path().c_str());
    close(descriptor);
  }
}

void AtomicFile::Flush() {
  size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t n = write(descriptor_, buffer_.data() + done, buffer_.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) FailWith("cannot write", errno);
    done += static_cast<size_t>(n);
  }
  buffer_.clear();
}

void AtomicFile::Write(std::string_view bytes) {
  position_ += static_cast<int64_t>(bytes.size());
  while (!bytes.empty()) {
    const size_t n = std::min(bytes.size(), kBufferBytes - buffer_.size());
    buffer_.append(bytes.substr(0, n));
    bytes.remove_prefix(n);
    if (buffer_.size() == kBufferBytes) Flush();
  }
}

void AtomicFile::Commit() {
  Flush();
  if (fsync(descriptor_) != 0) FailWith("cannot write", errno);
  if (temporary_.empty()) {  // a nameless file gets a name of its own first: linking never replaces, renaming does
    const std::filesystem::path name = NewName();
    const std::string self = fmt::format("/proc/self/fd/{}", descriptor_);
    if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0)
      FailWith("cannot name the written file", errno);
    temporary_ = name;
  }
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) FailWith("cannot replace", errno);
  temporary_.clear();
  const int folder = open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    fsync(folder);  // the new name itself must survive a power cut; not every file system offers it
    close(folder);
  }
}

}  // namespace tessera
