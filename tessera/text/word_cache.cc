#include "tessera/text/word_cache.h"

#include <cstring>

namespace tessera::text {

uint64_t WordCache::Hash(std::string_view word) {
  uint64_t hash = word.size() * 0x9E3779B97F4A7C15u;
  const auto mix = [&](uint64_t value) {
    hash = (hash ^ value) * 0xD6E8FEB86659FD93u;
    hash ^= hash >> 32;
  };
  size_t at = 0;
  for (; at + 8 <= word.size(); at += 8) {
    uint64_t value;
    std::memcpy(&value, word.data() + at, 8);
    mix(value);
  }
  if (at < word.size()) {
    uint64_t value = 0;
    std::memcpy(&value, word.data() + at, word.size() - at);
    mix(value);
  }
  return hash;
}

WordCache::Result WordCache::Find(std::string_view word) const {
  if (slots_.empty()) return {};
  const uint64_t hash = Hash(word);
  for (size_t i = 0; i < kProbes; ++i) {
    const Slot& slot = slots_[(hash + i) % kSlots];
    if (slot.key_size == 0) return {};
    if (slot.hash == hash && slot.key_size == word.size() &&
        std::memcmp(keys_.data() + slot.key_begin, word.data(), word.size()) == 0)
      return {true, std::span(ids_).subspan(slot.ids_begin, slot.ids_size)};
  }
  return {};
}

void WordCache::Insert(std::string_view word, std::span<const int32_t> ids) {
  if (word.empty() || word.size() > kMaxWord || ids.size() > UINT16_MAX) return;
  if (slots_.empty()) slots_.resize(kSlots);
  const uint64_t hash = Hash(word);
  for (size_t i = 0; i < kProbes; ++i) {
    Slot& slot = slots_[(hash + i) % kSlots];
    if (slot.key_size != 0) continue;
    slot = {hash, static_cast<uint32_t>(keys_.size()), static_cast<uint32_t>(ids_.size()),
            static_cast<uint16_t>(word.size()), static_cast<uint16_t>(ids.size())};
    keys_ += word;
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    return;
  }
}

}  // namespace tessera::text
