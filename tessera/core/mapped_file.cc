#include "tessera/core/mapped_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "tessera/core/error.h"

namespace tessera {
namespace {

// What the signal handler knows of a mapping. The handler may run at any instant on any thread, so it takes no lock and
// allocates nothing: a fixed table of atomics is all that it reads. `begin` is written last and cleared first.
struct Slot {
  std::atomic<bool> taken{false}, broken{false};
  std::atomic<uintptr_t> begin{0}, end{0};
  const MappedFile* file = nullptr;  // under the mutex; not for the handler
};
constexpr int kSlots = 4096;
std::array<Slot, kSlots> slots;
std::mutex slots_mutex;  // of everybody but the handler
std::atomic<bool> any_broken{false};
struct sigaction previous_action;

Slot* SlotOf(uintptr_t address) {
  for (Slot& slot : slots) {
    const uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    if (begin != 0 && begin <= address && address < slot.end.load(std::memory_order_relaxed)) return &slot;
  }
  return nullptr;
}

// The mapping that all of these bytes lie in, or null.
Slot* SlotOf(std::span<const std::byte> bytes) {
  const auto first = reinterpret_cast<uintptr_t>(bytes.data());
  Slot* slot = SlotOf(first);
  return slot != nullptr && first + bytes.size() <= slot->end.load(std::memory_order_relaxed) ? slot : nullptr;
}

// Reads up to `bytes` bytes at `offset`; fewer only at the end of the file or where it cannot be read.
size_t ReadAt(int descriptor, std::byte* out, size_t bytes, size_t offset) {
  size_t filled = 0;
  while (filled < bytes) {
    const ssize_t n = pread(descriptor, out + filled, bytes - filled, static_cast<off_t>(offset + filled));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    filled += static_cast<size_t>(n);
  }
  return filled;
}

void OnBusError(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  const bool fault = info->si_code > 0;  // not sent by a process
  if (Slot* slot = fault ? SlotOf(address) : nullptr) {
    const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    const uintptr_t begin = address / page * page;
    const size_t length = slot->end.load(std::memory_order_relaxed) - begin;
    slot->broken.store(true, std::memory_order_release);
    any_broken.store(true, std::memory_order_release);
    // The fault repeats on return, and now finds zeros from here to the end of the mapping.
    void* zeros =
        mmap(reinterpret_cast<void*>(begin), length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    errno = saved_errno;
    if (zeros != MAP_FAILED) return;
  }
  if (previous_action.sa_flags & SA_SIGINFO && previous_action.sa_sigaction != nullptr) {
    previous_action.sa_sigaction(signal, info, context);
    return;
  }
  sigaction(SIGBUS, &previous_action, nullptr);  // not ours: the fault repeats and meets what stood here before
  if (!fault) raise(signal);
}

void InstallHandlerOnce() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action = {};
    action.sa_sigaction = OnBusError;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &previous_action);
  });
}

int TakeSlot(const MappedFile* file, const void* data, size_t size) {
  InstallHandlerOnce();
  const std::lock_guard lock(slots_mutex);
  for (int i = 0; i < kSlots; ++i) {
    if (slots[i].taken.exchange(true)) continue;
    const auto begin = reinterpret_cast<uintptr_t>(data);
    slots[i].broken.store(false);
    slots[i].file = file;
    slots[i].end.store(begin + size, std::memory_order_relaxed);
    slots[i].begin.store(begin, std::memory_order_release);
    return i;
  }
  return -1;
}

int OpenRegular(const std::string& path, struct stat* status) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) Fail("{}: cannot open: {}", path, std::strerror(errno));
  if (fstat(descriptor, status) != 0 || !S_ISREG(status->st_mode)) {
    close(descriptor);
    Fail("{}: not a regular file", path);
  }
  return descriptor;
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::Open(const std::filesystem::path& path) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path.string();
  struct stat status;
  file->descriptor_ = OpenRegular(file->path_, &status);
  const auto size = static_cast<size_t>(status.st_size);
  if (size == 0) return file;
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file->descriptor_, 0);
  Require(data != MAP_FAILED, "{}: cannot map {} bytes: {}", file->path_, size, std::strerror(errno));
  file->data_ = static_cast<const std::byte*>(data);
  file->size_ = size;
  file->slot_ = TakeSlot(file.get(), data, size);
  Require(file->slot_ >= 0, "{}: {} files are mapped already; close some models first", file->path_, kSlots);
  return file;
}

std::shared_ptr<const MappedFile> MappedFile::FromMemory(std::string bytes, std::string name) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = std::move(name);
  file->memory_ = std::move(bytes);
  file->data_ = reinterpret_cast<const std::byte*>(file->memory_.data());
  file->size_ = file->memory_.size();
  return file;
}

MappedFile::~MappedFile() {
  const std::lock_guard lock(slots_mutex);
  if (slot_ >= 0) {
    slots[slot_].begin.store(0, std::memory_order_release);
    slots[slot_].file = nullptr;
  }
  if (descriptor_ >= 0 && data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
  if (slot_ >= 0) slots[slot_].taken.store(false, std::memory_order_release);
  if (descriptor_ >= 0) close(descriptor_);
}

bool MappedFile::broken() const { return slot_ >= 0 && slots[slot_].broken.load(std::memory_order_acquire); }

void MappedFile::RequireIntact() const {
  struct stat status;
  const bool known = descriptor_ >= 0 && fstat(descriptor_, &status) == 0;
  Require(!known || status.st_size >= size(),
          "{}: the file had {} bytes when it was opened and has {} now. Is somebody "
          "writing to it?",
          path_, size_, status.st_size);
  Require(!broken(), "{}: a part of the file could not be read. Was it cut short while in use, or does the disk fail?",
          path_);
}

const std::byte* ReadMapped(std::span<const std::byte> bytes, std::byte* buffer) {
  Slot* slot;
  int descriptor;
  size_t offset;
  {
    const std::lock_guard lock(slots_mutex);
    slot = SlotOf(bytes);
    if (slot == nullptr || slot->file == nullptr) return bytes.data();
    descriptor = slot->file->descriptor_;
    offset = static_cast<size_t>(bytes.data() - slot->file->data_);
  }
  const size_t filled = ReadAt(descriptor, buffer, bytes.size(), offset);
  if (filled < bytes.size()) {
    std::fill(buffer + filled, buffer + bytes.size(), std::byte{0});
    slot->broken.store(true, std::memory_order_release);
    any_broken.store(true, std::memory_order_release);
  }
  return buffer;
}

void ReleaseMappedPages(std::span<const std::byte> bytes) {
  const std::lock_guard lock(slots_mutex);  // so that the mapping stays while its pages go
  if (SlotOf(bytes) == nullptr) return;
  const auto first = reinterpret_cast<uintptr_t>(bytes.data());
  // Whole pages only: what lies beside them may still be needed.
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t begin = (first + page - 1) / page * page, end = (first + bytes.size()) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

void RequireMappingsIntact() {
  if (!any_broken.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(slots_mutex);
  for (const Slot& slot : slots)
    if (slot.file != nullptr) slot.file->RequireIntact();
}

std::string ReadFile(const std::filesystem::path& path, int64_t max_bytes) {
  struct stat status;
  const int descriptor = OpenRegular(path.string(), &status);
  const std::unique_ptr<const int, void (*)(const int*)> closer(&descriptor, [](const int* d) { close(*d); });
  Require(status.st_size <= max_bytes, "{}: {} bytes, the limit is {}", path.string(), status.st_size, max_bytes);
  std::string text(static_cast<size_t>(status.st_size), '\0');
  size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t n = read(descriptor, text.data() + filled, text.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) Fail("{}: cannot read: {}", path.string(), std::strerror(errno));
    if (n == 0) break;
    filled += static_cast<size_t>(n);
  }
  text.resize(filled);
  return text;
}

}  // namespace tessera
