#pragma once
// The key-value cache of all sequences: pages of 64 tokens, counted references, shared prefixes.
//
//   PagedCache cache(model.kv_formats(), {.pages = 1024});
//   PrefixMatch match = cache.Match(prompt);        // whole pages that hold the same beginning already
//   int32_t page = cache.Allocate();                // one more, for new tokens; -1 when all are in use
//   cache.Publish(page, match.key, tokens);         // a page that is full may now be found by others
//   cache.Release(page);                            // kept for later matches until its room is needed
//
// A page id names the page of that number in every layer. A published page is never written again. Pages that nobody
// references stay findable; the one unused for longest makes room first. Memory is reserved at once and taken from the
// system when a page is first written.

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "tessera/kernels/kv_pages.h"

namespace tessera::infer {

// Names a beginning of a sequence that ends with a page: the same key means the same tokens from the start. 0: empty.
using PrefixKey = uint64_t;

struct PrefixMatch {
  std::vector<int32_t> pages;  // referenced once for the caller
  PrefixKey key = 0;           // of the tokens they hold
};

class PagedCache {
 public:
  struct Options {
    int64_t pages = 128;
    Device device = Device::kCpu;
  };

  PagedCache(std::vector<kernels::KvPageFormat> layers, const Options& options);

  std::span<const kernels::KvPages> layers() const { return layers_; }
  int64_t page_count() const { return static_cast<int64_t>(pages_.size()); }
  // Pages that Allocate could still give: never used, or used by nobody now.
  int64_t available() const { return static_cast<int64_t>(free_.size() + idle_.size()); }

  // A page referenced once, its contents undefined; -1 when every page is in use.
  int32_t Allocate();
  void Retain(int32_t page);
  void Release(int32_t page);

  // Copies the token at slot from[i] = 64 · page + place to slot to[i] in every layer, in order.
  void Move(std::span<const int64_t> from, std::span<const int64_t> to) const;

  // The longest beginning of `tokens` in whole pages that is cached.
  PrefixMatch Match(std::span<const int32_t> tokens);
  // Says that `page` holds the 64 `tokens` that follow the prefix `parent`; returns the key of the longer prefix.
  PrefixKey Publish(int32_t page, PrefixKey parent, std::span<const int32_t> tokens);

 private:
  struct Link {  // one page's worth of tokens after a prefix
    PrefixKey parent = 0;
    std::array<int32_t, kernels::kPageTokens> tokens{};
    bool operator==(const Link&) const = default;
  };
  struct LinkHash {
    size_t operator()(const Link& link) const;
  };
  struct Entry {
    int32_t page;
    PrefixKey key;
  };
  struct Page {
    int references = 0;
    std::list<int32_t>::iterator idle;                              // valid while nobody references a published page
    std::unordered_map<Link, Entry, LinkHash>::iterator published;  // end() when not published
  };

  void Forget(Page& page);

  std::vector<std::shared_ptr<std::byte>> memory_;  // one reservation a layer
  std::vector<kernels::KvPages> layers_;
  std::vector<Page> pages_;
  std::vector<int32_t> free_;
  std::list<int32_t> idle_;  // published and unreferenced, the longest unused first
  std::unordered_map<Link, Entry, LinkHash> prefixes_;
  PrefixKey next_key_ = 1;
};

}  // namespace tessera::infer
