#include <algorithm>
#include <bit>
#include <cstring>

#include "tessera/core/gpu.h"
#include "tessera/kernels/cuda/pass_plan.h"
#include "tessera/kernels/kv_pages.h"

namespace tessera::kernels::cuda {
namespace {

// A list that may be filled again has room for twice as much.
template <typename T>
UploadedList<T> Upload(const std::vector<T>& items, const std::shared_ptr<UploadArena>& arena) {
  const auto count = static_cast<uint64_t>(items.size());
  UploadedList<T> list(static_cast<int64_t>(arena ? std::bit_ceil(2 * count + 16) : std::max<uint64_t>(count, 1)),
                       arena);
  list.Fill(items);
  return list;
}

// What the lists of a pass take at most, when they are first made.
int64_t ArenaBytes(const AttentionPattern& pattern) {
  int64_t rows = 0, keys = 0;
  for (const AttentionSequence& s : pattern.sequences)
    rows += s.query_count, keys += s.query_count * (s.key_count + 64);
  constexpr int64_t kLists = 8, kItem = 64;  // windows and groupings of heads; bytes of an item, more than any has
  return kLists * kItem * 4 * (rows + keys / 64 + 64);
}

template <typename T>
bool Fits(const UploadedList<T>& list, const std::vector<T>& items) {
  return std::ssize(items) <= list.capacity();
}

std::vector<int32_t> AllPages(const AttentionPattern& pattern) {
  std::vector<int32_t> pages;
  for (const AttentionSequence& s : pattern.sequences) pages.insert(pages.end(), s.pages.begin(), s.pages.end());
  return pages;
}

AttentionPattern WithWindow(AttentionPattern pattern, int64_t window) {
  pattern.window = window;
  return pattern;
}

}  // namespace

UploadArena::UploadArena(int64_t bytes)
    : gpu_(gpu::Allocate(bytes)), here_(gpu::AllocatePinned(bytes)), bytes_(bytes) {}

int64_t UploadArena::Take(int64_t bytes) {
  const int64_t at = used_;
  used_ += (bytes + 63) / 64 * 64;
  Require(used_ <= bytes_, "GPU: the lists of a step need {} bytes, their memory has {}", used_, bytes_);
  return at;
}

void UploadArena::Upload(int64_t at, int64_t bytes) const {
  if (bytes > 0) gpu::CopyInLater(gpu_.get() + at, here(at), bytes);
}

template <typename T>
UploadedList<T>::UploadedList(int64_t capacity, const std::shared_ptr<UploadArena>& arena)
    : capacity_(capacity), arena_(arena) {
  const int64_t bytes = capacity * static_cast<int64_t>(sizeof(T));
  if (arena) at_ = arena->Take(bytes);
  gpu_ = arena ? arena->gpu(at_) : gpu::Allocate(bytes);
}

template <typename T>
void UploadedList<T>::Fill(std::span<const T> items) {
  Require(std::ssize(items) <= capacity_, "GPU: a list of {} items has room for {}", items.size(), capacity_);
  if (items.empty()) return;
  const auto* bytes = reinterpret_cast<const std::byte*>(items.data());
  if (arena_)
    std::memcpy(arena_->here(at_), bytes, items.size_bytes());
  else
    gpu::CopyIn(gpu_.get(), bytes, static_cast<int64_t>(items.size_bytes()));
}

template class UploadedList<int64_t>;
template class UploadedList<int32_t>;

PassPlan::PassPlan(const AttentionPattern& pattern, std::span<const int64_t> slots, bool room_to_grow)
    : pattern_(pattern), arena_(room_to_grow ? std::make_shared<UploadArena>(ArenaBytes(pattern)) : nullptr) {
  pattern_.plan = nullptr;
  const std::vector<int64_t> all_slots(slots.begin(), slots.end());
  slots_ = Upload(all_slots, arena_);
  pages_ = Upload(AllPages(pattern), arena_);
}

PassPlan::~PassPlan() = default;

bool PassPlan::paged() const {
  return std::ranges::any_of(pattern_.sequences, [](const AttentionSequence& s) { return !s.pages.empty(); });
}

bool PassPlan::Refill(const AttentionPattern& pattern, std::span<const int64_t> slots) {
  Require(arena_ != nullptr && pattern.query_rows() == rows() && end_to_end_.empty() && key_slots_.capacity() == 0,
          "GPU: the plan of a pass of {} rows cannot serve one of {}", rows(), pattern.query_rows());
  pattern_ = pattern;
  pattern_.plan = nullptr;
  const std::vector<int32_t> pages = AllPages(pattern);
  if (!Fits(pages_, pages) || std::ssize(slots) > slots_.capacity()) return false;
  slots_.Fill(slots);
  pages_.Fill(pages);
  for (auto& [queries_per_key, lists] : splits_) {
    const PagedWork work = ListPagedWork(pattern, queries_per_key);
    if (!Fits(lists.splits, work.splits) || std::ssize(work.combine) != lists.combine_count) return false;
    lists.splits.Fill(work.splits);
    lists.combine.Fill(work.combine);
    lists.count.Fill(std::vector{static_cast<int32_t>(work.splits.size())});
  }
  for (auto& [window, lists] : sights_) {
    const SightWork work = ListSights(WithWindow(pattern, window), paged());
    if (!Fits(lists.rows, work.rows) || !Fits(lists.paths, work.paths)) return false;
    lists.rows.Fill(work.rows);
    lists.paths.Fill(work.paths);
  }
  return true;
}

const PassPlan::Splits& PassPlan::SplitsFor(int queries_per_key) const {
  if (const auto found = splits_.find(queries_per_key); found != splits_.end()) return found->second;
  const PagedWork work = ListPagedWork(pattern_, queries_per_key);
  const int64_t begin = arena_ ? arena_->Take(0) : 0;
  Splits lists{.splits = Upload(work.splits, arena_),
               .combine = Upload(work.combine, arena_),
               .count = Upload(std::vector{static_cast<int32_t>(work.splits.size())}, arena_),
               .combine_count = std::ssize(work.combine)};
  if (arena_) arena_->Upload(begin, arena_->Take(0) - begin);
  return splits_.emplace(queries_per_key, std::move(lists)).first->second;
}

const PassPlan::Sights& PassPlan::SightsFor(int64_t window) const {
  if (const auto found = sights_.find(window); found != sights_.end()) return found->second;
  const SightWork work = ListSights(WithWindow(pattern_, window), paged());
  const int64_t begin = arena_ ? arena_->Take(0) : 0;
  Sights lists{.rows = Upload(work.rows, arena_), .paths = Upload(work.paths, arena_)};
  if (arena_) arena_->Upload(begin, arena_->Take(0) - begin);
  return sights_.emplace(window, std::move(lists)).first->second;
}

const AttentionPlan& PassPlan::EndToEnd(const AttentionShape& shape) const {
  std::unique_ptr<AttentionPlan>& plan =
      end_to_end_[{shape.dtype, shape.heads, shape.kv_heads, shape.head_dim, shape.value_dim, shape.scale}];
  if (plan == nullptr) {
    AttentionPattern pattern = pattern_;
    for (AttentionSequence& s : pattern.sequences) s.pages.clear();
    plan = std::make_unique<AttentionPlan>(pattern, shape);
  }
  return *plan;
}

const int64_t* PassPlan::KeySlots() const {
  if (key_slots_.capacity() == 0) {
    std::vector<int64_t> slots;
    for (const AttentionSequence& s : pattern_.sequences)
      for (int64_t key = 0; key < s.key_count; ++key)
        slots.push_back(s.pages[static_cast<size_t>(key / kPageTokens)] * kPageTokens + key % kPageTokens);
    key_slots_ = Upload(slots, nullptr);
  }
  return key_slots_.data();
}

}  // namespace tessera::kernels::cuda
