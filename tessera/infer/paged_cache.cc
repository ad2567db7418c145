#include "tessera/infer/paged_cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tessera/core/checked.h"
#include "tessera/core/gpu.h"
#include "tessera/kernels/cuda/operators.h"

namespace tessera::infer {
namespace {

// Address space without memory behind it until it is written.
std::shared_ptr<std::byte> Reserve(int64_t bytes) {
  const size_t size = static_cast<size_t>(bytes);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  Require(memory != MAP_FAILED, "cache: cannot reserve {} bytes ({}); ask for a smaller context", bytes,
          std::strerror(errno));
  return {static_cast<std::byte*>(memory), [size](std::byte* p) { munmap(p, size); }};
}

}  // namespace

size_t PagedCache::LinkHash::operator()(const Link& link) const {
  uint64_t hash = 0xcbf29ce484222325 ^ link.parent;  // FNV-1a over words; equality is checked on the tokens themselves
  for (const int32_t token : link.tokens) hash = (hash ^ static_cast<uint32_t>(token)) * 0x100000001b3;
  return hash ^ hash >> 29;
}

PagedCache::PagedCache(std::vector<kernels::KvPageFormat> layers, const Options& options) {
  Require(options.pages >= 1 && options.pages < (int64_t{1} << 31), "cache: {} pages, at least 1 is needed",
          options.pages);
  for (const kernels::KvPageFormat& format : layers) {
    const bool on_gpu = options.device == Device::kCuda;
    const int64_t page_bytes = on_gpu ? format.gpu_page_bytes() : format.page_bytes();
    const int64_t bytes = CheckedMul(options.pages, page_bytes, "cache bytes");
    memory_.push_back(on_gpu ? gpu::Allocate(bytes) : Reserve(bytes));
    layers_.push_back(
        {.format = format, .base = memory_.back().get(), .page_count = options.pages, .device = options.device});
  }
  pages_.resize(static_cast<size_t>(options.pages));
  for (Page& page : pages_) page.published = prefixes_.end();
  for (int64_t i = options.pages - 1; i >= 0; --i) free_.push_back(static_cast<int32_t>(i));
}

void PagedCache::Move(std::span<const int64_t> from, std::span<const int64_t> to) const {
  for (const kernels::KvPages& layer : layers_)
    layer.device == Device::kCuda ? kernels::cuda::MoveKv(layer, from, to) : kernels::MoveKv(layer, from, to);
}

void PagedCache::Forget(Page& page) {
  prefixes_.erase(page.published);
  page.published = prefixes_.end();
}

int32_t PagedCache::Allocate() {
  if (free_.empty() && !idle_.empty()) {
    const int32_t oldest = idle_.front();
    idle_.pop_front();
    Forget(pages_[static_cast<size_t>(oldest)]);
    free_.push_back(oldest);
  }
  if (free_.empty()) return -1;
  const int32_t page = free_.back();
  free_.pop_back();
  pages_[static_cast<size_t>(page)].references = 1;
  return page;
}

void PagedCache::Retain(int32_t id) {
  Page& page = pages_.at(static_cast<size_t>(id));
  if (page.references++ == 0) idle_.erase(page.idle);
}

void PagedCache::Release(int32_t id) {
  Page& page = pages_.at(static_cast<size_t>(id));
  Require(page.references > 0, "cache: page {} was released once too often", id);
  if (--page.references > 0) return;
  if (page.published != prefixes_.end())
    page.idle = idle_.insert(idle_.end(), id);
  else
    free_.push_back(id);
}

PrefixMatch PagedCache::Match(std::span<const int32_t> tokens) {
  PrefixMatch match;
  Link link;
  for (size_t at = 0; at + kernels::kPageTokens <= tokens.size(); at += kernels::kPageTokens) {
    link.parent = match.key;
    std::ranges::copy(tokens.subspan(at, kernels::kPageTokens), link.tokens.begin());
    const auto found = prefixes_.find(link);
    if (found == prefixes_.end()) break;
    Retain(found->second.page);
    match.pages.push_back(found->second.page);
    match.key = found->second.key;
  }
  return match;
}

PrefixKey PagedCache::Publish(int32_t id, PrefixKey parent, std::span<const int32_t> tokens) {
  Require(tokens.size() == kernels::kPageTokens, "cache: a page holds {} tokens, not {}", kernels::kPageTokens,
          tokens.size());
  Page& page = pages_.at(static_cast<size_t>(id));
  Link link{.parent = parent};
  std::ranges::copy(tokens, link.tokens.begin());
  // Another sequence may have computed the same page meanwhile; then this copy stays private and the key is shared.
  const auto [entry, fresh] = prefixes_.try_emplace(link, Entry{id, next_key_});
  if (fresh) {
    ++next_key_;
    page.published = entry;
  }
  return entry->second.key;
}

}  // namespace tessera::infer
