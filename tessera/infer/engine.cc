#include "tessera/infer/engine.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tessera/core/error.h"
#include "tessera/models/place_vision.h"
#include "tessera/ops/view.h"

namespace tessera::infer {
namespace {

using kernels::kPageTokens;

// A tree wider than this costs more than it confirms on a CPU, where every row is arithmetic.
constexpr int64_t kMaxTreeNodes = 64;

// Pages are numbered by 32 bits.
constexpr int64_t kMaxCacheTokens = (int64_t{1} << 31) * kPageTokens - 2 * kPageTokens - kMaxTreeNodes;

int64_t PagesFor(int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }

// The oldest request must always be able to go on, so its contexts have to fit the cache together.
void CheckGuidance(const Request& request, const EngineOptions& options, int64_t vocab) {
  const int64_t length = std::ssize(request.prompt);
  const int64_t room = options.context - length;
  const int64_t answer = request.max_tokens < 0 ? room : std::min(room, request.max_tokens);
  int64_t pages = PagesFor(length + answer);
  for (const std::vector<int32_t>* prompt : {&request.guidance->pictures, &request.guidance->nothing}) {
    Require(!prompt->empty() && std::ssize(*prompt) <= length, "guidance: a context of {} tokens beside a prompt of {}",
            prompt->size(), length);
    for (const int32_t id : *prompt)
      Require(id >= 0 && id < vocab, "guidance: token {} is outside the vocabulary of {}", id, vocab);
    pages += PagesFor(std::ssize(*prompt) + answer);
  }
  Require(pages <= PagesFor(options.cache_tokens) && options.max_sequences >= 3,
          "guidance: three contexts take {} tokens of the cache, which holds {}, and three of {} sequences at once",
          pages * kPageTokens, options.cache_tokens, options.max_sequences);
}

}  // namespace

struct Engine::Sequence {
  RequestId id = 0;
  Request request;
  std::vector<int32_t> history;  // prompt and answer
  std::vector<int32_t> keys;     // the same, but a picture's rows are negative: by what the cache knows them
  int64_t lag = 0;               // an answer's token at place t has position t + lag
  int64_t answer_begin = 0;
  int64_t answer_limit = 0;  // history may grow to this many tokens
  int64_t cached = 0;        // tokens whose keys and values are in the cache, from the start
  std::vector<int32_t> pages;
  int64_t published = 0;  // of its pages, those that others may find
  PrefixKey key = 0;      // of the published pages

  RequestId leader = 0;          // whose request it serves: its own id, but for contexts of guidance
  Group* group = nullptr;        // of a request with guidance
  std::unique_ptr<Group> owned;  // the leader's

  int64_t pending() const { return std::ssize(history) - cached; }
  bool answering() const { return pending() == 1; }  // one new token: the strategy may guess on

  // Where the token at `place` stands in time (axis 0), height and width.
  int64_t Position(int64_t axis, int64_t place) const {
    const Tensor& given = request.vision.positions;
    if (!given || place >= given.dim(1)) return place + lag;
    return given.data<int64_t>()[static_cast<size_t>(axis * given.dim(1) + place)];
  }
};

struct Engine::Group {
  std::vector<Sequence*> rows;             // the leader first
  std::vector<std::vector<float>> logits;  // of each row; empty until they are computed for the next token
  std::array<size_t, 3> context = {};      // the rows that the prompt, its pictures and nothing are

  std::vector<float>& LogitsOf(const Sequence* s) {
    return logits[static_cast<size_t>(std::ranges::find(rows, s) - rows.begin())];
  }
};

struct Engine::Work {
  Sequence* sequence = nullptr;
  TokenTree tree;           // of an answering sequence
  int64_t rows = 0;         // tree nodes, or tokens of the chunk
  int64_t logits_row = 0;   // where its logits begin among those of the pass
  int64_t logits_rows = 0;  // a tree: one a node; a chunk that ends the prompt: 1; any other chunk: 0
};

Engine::Engine(const models::LanguageModel& model, const EngineOptions& options) : model_(model), options_(options) {
  const models::ModelSummary& summary = model.summary();
  if (options_.context == 0) options_.context = summary.max_context;
  Require(options_.context >= 2, "context: {} tokens, at least 2 are needed", options_.context);
  Require(options_.context <= kMaxCacheTokens && options_.cache_tokens <= kMaxCacheTokens,
          "context: {} tokens are more than a cache can hold, {} at most",
          std::max(options_.context, options_.cache_tokens), kMaxCacheTokens);
  if (options_.chunk_tokens == 0)
    options_.chunk_tokens = summary.device == Device::kCuda ? kGpuChunkTokens : kChunkTokens;
  Require(options_.chunk_tokens >= 1, "chunk: {} tokens, at least 1 is needed", options_.chunk_tokens);
  Require(options_.max_sequences >= 1, "sequences: {}, at least 1 is needed", options_.max_sequences);
  if (options_.cache_tokens == 0) options_.cache_tokens = options_.context;
  Require(options_.cache_tokens >= options_.context, "cache: room for {} tokens is less than one context of {}",
          options_.cache_tokens, options_.context);
  const bool on_gpu = summary.device == Device::kCuda;
  if (!options_.cache_dtype) options_.cache_dtype = on_gpu ? summary.activations : kernels::FastKvDType();
  if (on_gpu && summary.fixed_angles) recorded_ = std::make_unique<RecordedSteps>(model);
  std::vector<kernels::KvPageFormat> formats;
  for (const models::KvShape& kv : summary.kv) formats.push_back(kv.Format(*options_.cache_dtype));
  // One page more than asked, so that a tree of guesses at the very end of a context still has slots.
  cache_ = std::make_unique<PagedCache>(
      std::move(formats), PagedCache::Options{.pages = PagesFor(options_.cache_tokens) + PagesFor(kMaxTreeNodes),
                                              .device = summary.device});
}

Engine::~Engine() = default;

RequestId Engine::Submit(Request request) {
  const int64_t length = std::ssize(request.prompt);
  Require(length > 0, "request: the prompt is empty; give at least one token");
  Require(length < options_.context,
          "request: the prompt has {} tokens but the context holds {}; shorten the prompt or "
          "raise the context",
          length, options_.context);
  for (const int32_t id : request.prompt) {
    Require(id >= 0 && id < model_.summary().vocab, "request: token {} is outside the vocabulary of {}", id,
            model_.summary().vocab);
  }
  Require(request.max_tokens >= -1, "request: max_tokens {} is below 0", request.max_tokens);
  CheckSampling(request.sampling);
  for (const auto& [id, bias] : request.sampling.logit_bias) {
    Require(id < model_.summary().vocab, "logit_bias: token {} is outside the vocabulary of {}", id,
            model_.summary().vocab);
  }
  CheckPromptVision(request.vision, length, model_.summary().hidden);
  if (request.guidance) CheckGuidance(request, options_, model_.summary().vocab);
  if (!request.strategy) request.strategy = std::make_unique<PlainDecoding>();
  auto sequence = std::make_unique<Sequence>();
  sequence->id = sequence->leader = next_id_++;
  sequence->history = request.prompt;
  sequence->keys = CacheKeys(request);
  if (const Tensor& given = request.vision.positions; given)
    sequence->lag = std::ranges::max(given.data<int64_t>()) + 1 - length;
  sequence->answer_begin = length;
  const int64_t room = options_.context - length;
  sequence->answer_limit = length + (request.max_tokens < 0 ? room : std::min(room, request.max_tokens));
  sequence->request = std::move(request);
  Sequence& leader = *sequence;
  waiting_.push_back(std::move(sequence));
  if (leader.request.guidance) AddContexts(leader);
  return leader.id;
}

// The other contexts of guidance as sequences of their own, behind their leader.
void Engine::AddContexts(Sequence& leader) {
  const Guidance& guidance = *leader.request.guidance;
  leader.request.strategy = std::make_unique<PlainDecoding>();
  leader.owned = std::make_unique<Group>();
  Group& group = *leader.owned;
  leader.group = &group;
  group.rows = {&leader};
  const auto add = [&](const std::vector<int32_t>& prompt) {
    for (size_t row = 0; row < group.rows.size(); ++row)
      if (group.rows[row]->history == prompt) return row;
    auto sequence = std::make_unique<Sequence>();
    sequence->id = next_id_++;
    sequence->leader = leader.id;
    sequence->group = &group;
    sequence->history = sequence->keys = prompt;
    sequence->answer_begin = std::ssize(prompt);
    sequence->answer_limit = options_.context + 1;  // the leader ends first
    sequence->request.strategy = std::make_unique<PlainDecoding>();
    group.rows.push_back(sequence.get());
    waiting_.push_back(std::move(sequence));
    return group.rows.size() - 1;
  };
  group.context = {0, add(guidance.pictures), add(guidance.nothing)};
  group.logits.resize(group.rows.size());
}

// The tokens of the prompt, those of a picture replaced by its number: placeholders are alike whatever they stand for.
std::vector<int32_t> Engine::CacheKeys(const Request& request) {
  std::vector<int32_t> keys = request.prompt;
  for (const PromptFeatures& f : request.vision.features) {
    const auto number = contents_.try_emplace(f.content, -1 - static_cast<int32_t>(contents_.size())).first->second;
    std::fill_n(keys.begin() + f.begin, f.features.dim(0), number);
  }
  return keys;
}

void Engine::Cancel(RequestId id) {
  for (const auto& s : running_)
    if (s->leader == id) GiveUpPages(*s);
  std::erase_if(waiting_, [&](const auto& s) { return s->leader == id; });
  std::erase_if(running_, [&](const auto& s) { return s->leader == id; });
}

// The last pages go first, so that of two idle pages of one prefix the deeper makes room earlier.
void Engine::GiveUpPages(Sequence& sequence) {
  std::for_each(sequence.pages.rbegin(), sequence.pages.rend(), [&](int32_t page) { cache_->Release(page); });
  sequence.pages.clear();
  sequence.cached = sequence.published = 0;
  sequence.key = 0;
  if (sequence.group != nullptr) sequence.group->LogitsOf(&sequence).clear();
}

void Engine::Admit() {
  while (!waiting_.empty() && std::ssize(running_) < options_.max_sequences) {
    Sequence& next = *waiting_.front();
    // Contexts that only wait for others of their group will give up pages for these.
    const bool busy = std::ranges::any_of(running_, [](const auto& s) { return s->pending() > 0; });
    if (busy && cache_->available() < PagesFor(std::ssize(next.history) + 1)) return;
    // The last token is always computed: its logits are wanted.
    PrefixMatch match = cache_->Match(std::span(next.keys).first(next.keys.size() - 1));
    next.pages = std::move(match.pages);
    next.published = std::ssize(next.pages);
    next.key = match.key;
    next.cached = next.published * kPageTokens;
    stats_.shared_tokens += next.cached;
    const auto place = std::ranges::find_if(running_, [&](const auto& s) { return s->id > next.id; });
    running_.insert(place, std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

// Pages for the first `tokens` tokens of the sequence. When none is left the newest other sequence gives up its own;
// false if the sequence itself is the newest and must wait.
bool Engine::MakeRoom(Sequence& sequence, int64_t tokens) {
  while (std::ssize(sequence.pages) < PagesFor(tokens)) {
    const int32_t page = cache_->Allocate();
    if (page >= 0) {
      sequence.pages.push_back(page);
      continue;
    }
    Sequence& newest = *running_.back();
    if (&newest == &sequence) return false;
    GiveUpPages(newest);
    waiting_.push_front(std::move(running_.back()));
    running_.pop_back();
    ++stats_.preemptions;
  }
  return true;
}

std::vector<Engine::Work> Engine::Plan() {
  std::vector<Work> plan;
  int64_t rows_left = options_.chunk_tokens;
  // Answers first: a waiting prompt must not slow the streams that people read.
  for (const bool answers : {true, false}) {
    for (size_t i = 0; i < running_.size() && rows_left > 0; ++i) {  // running_ may lose its last ones on the way
      Sequence& s = *running_[i];
      if (s.answering() != answers || s.pending() == 0) continue;
      Work work{.sequence = &s};
      if (answers) {
        // A guess beyond the answer's limit could never be used.
        const int64_t nodes = std::min({rows_left, kMaxTreeNodes, s.answer_limit - std::ssize(s.history)});
        work.tree = s.request.strategy->Propose(s.history, std::max<int64_t>(1, nodes));
        CheckTree(work.tree, std::max<int64_t>(1, nodes));
        work.rows = work.logits_rows = std::ssize(work.tree.tokens);
      } else {
        work.rows = std::min(rows_left, s.pending());
        work.logits_rows = work.rows == s.pending() ? 1 : 0;
      }
      if (!MakeRoom(s, s.cached + work.rows)) break;
      rows_left -= work.rows;
      plan.push_back(std::move(work));
    }
  }
  // A sequence that gave up its pages after it was planned runs later.
  std::erase_if(plan, [&](const Work& work) {
    return std::ranges::none_of(running_, [&](const auto& s) { return s.get() == work.sequence; });
  });
  int64_t next = 0;
  for (Work& work : plan) {
    work.logits_row = next;
    next += work.logits_rows;
  }
  return plan;
}

// x with the features of pictures in the rows of this pass that stand for them.
Tensor Engine::Placed(const Tensor& x, const std::vector<Work>& plan) const {
  std::vector<Tensor> parts;
  std::vector<int64_t> rows;
  int64_t first = 0;  // of the pass, the work's first row
  for (const Work& work : plan) {
    const int64_t begin = work.sequence->cached, end = begin + work.rows;
    for (const PromptFeatures& f : work.sequence->request.vision.features) {
      const int64_t from = std::max(begin, f.begin), to = std::min(end, f.begin + f.features.dim(0));
      if (from >= to) continue;
      parts.push_back(f.features.Slice(0, from - f.begin, to - f.begin));
      for (int64_t place = from; place < to; ++place) rows.push_back(first + place - begin);
    }
    first += work.rows;
  }
  if (parts.empty()) return x;
  return models::PlaceFeatures(x, parts.size() == 1 ? parts[0] : ops::Concat(parts, 0), rows);
}

// Whether every new token of the pass is the likeliest and nobody asks for more, so that logits can stay where they
// are.
bool Engine::AsksForLikeliest(const std::vector<Work>& plan) const {
  return !options_.observe_logits && std::ranges::all_of(plan, [](const Work& work) {
    return work.sequence->group == nullptr && TakesLikeliest(work.sequence->request.sampling);
  });
}

// One forward pass over the planned rows; the wanted rows' logits [rows, V].
Scores Engine::Run(const std::vector<Work>& plan) {
  std::vector<int64_t> ids, slots, wanted;  // wanted: of each sequence, how many of its last rows
  std::array<std::vector<int64_t>, 3> positions;
  int64_t logits_rows = 0;
  nn::Context context;
  for (const Work& work : plan) {
    const Sequence& s = *work.sequence;
    kernels::AttentionSequence span{
        .query_count = work.rows, .key_count = s.cached + work.rows, .pages = s.pages, .tree_parents = {}};
    std::vector<int64_t> depth(static_cast<size_t>(work.rows));
    for (int64_t row = 0; row < work.rows; ++row) {
      const size_t r = static_cast<size_t>(row);
      const bool in_tree = !work.tree.tokens.empty();
      const int32_t parent = in_tree ? work.tree.parents[r] : static_cast<int32_t>(row) - 1;
      depth[r] = parent < 0 ? 0 : depth[static_cast<size_t>(parent)] + 1;
      const int64_t place = s.cached + row;
      ids.push_back(in_tree ? work.tree.tokens[r] : s.history[static_cast<size_t>(place)]);
      for (size_t axis = 0; axis < 3; ++axis)
        positions[axis].push_back(s.Position(static_cast<int64_t>(axis), s.cached + depth[r]));
      slots.push_back(s.pages[static_cast<size_t>(place / kPageTokens)] * kPageTokens + place % kPageTokens);
    }
    if (!work.tree.tokens.empty() && !IsRun(work.tree)) span.tree_parents = work.tree.parents;
    wanted.push_back(work.logits_rows);
    logits_rows += work.logits_rows;
    context.pattern.sequences.push_back(std::move(span));
  }
  const int64_t rows = std::ssize(ids);
  const bool seeing =
      std::ranges::any_of(plan, [](const Work& work) { return work.sequence->request.vision.positions.defined(); });
  context.positions = Tensor::From<int64_t>(positions[0], {rows});
  if (seeing) {
    const std::array axes = {context.positions, Tensor::From<int64_t>(positions[1], {rows}),
                             Tensor::From<int64_t>(positions[2], {rows})};
    context.positions = ops::Concat(axes, 0).Reshape({3, rows});
  }
  context.cache = nn::KvView{.layers = cache_->layers(), .slots = slots};
  context.wanted = std::move(wanted);
  if (recorded_ && !seeing && RecordedSteps::Takes(context) && logits_rows == rows)
    return recorded_->Run(ids, positions[0], context, AsksForLikeliest(plan));
  const Tensor hidden = model_.Hidden(Placed(model_.Embed(Tensor::From<int64_t>(ids, {rows})), plan), context);
  if (logits_rows == 0) return {};
  const Tensor logits = model_.Logits(hidden);
  if (logits.on_gpu() && AsksForLikeliest(plan)) return {.likeliest = ReadLikeliest(LikeliestOnGpu(logits))};
  return {.logits = logits.To(Device::kCpu)};
}

FinishReason Engine::Append(Sequence& s, int32_t token) {
  s.history.push_back(token);
  s.keys.push_back(token);
  ++stats_.answer_tokens;
  const auto& eos = model_.summary().eos_ids;
  if (std::ranges::find(s.request.stop_ids, token) != s.request.stop_ids.end()) return FinishReason::kStop;
  if (!s.request.ignore_eos && std::ranges::find(eos, token) != eos.end()) return FinishReason::kStop;
  if (std::ssize(s.history) < s.answer_limit) return FinishReason::kNone;
  return std::ssize(s.history) - s.answer_begin == s.request.max_tokens ? FinishReason::kLength
                                                                        : FinishReason::kContext;
}

void Engine::PublishFullPages(Sequence& s) {
  for (; (s.published + 1) * kPageTokens <= s.cached; ++s.published) {
    const size_t at = static_cast<size_t>(s.published);
    s.key = cache_->Publish(s.pages[at], s.key, std::span(s.keys).subspan(at * kPageTokens, kPageTokens));
  }
}

// Keeps a context's logits; once those of all contexts are there, draws the token that every one gets.
void Engine::AcceptContext(const Work& work, std::span<const float> logits, std::vector<TokenEvent>& events) {
  Sequence& s = *work.sequence;
  s.cached += work.rows;
  PublishFullPages(s);
  if (work.logits_rows == 0) return;
  Group& group = *s.group;
  const auto vocab = static_cast<size_t>(model_.summary().vocab);
  const auto z = logits.subspan(static_cast<size_t>(work.logits_row) * vocab, vocab);
  if (options_.observe_logits) options_.observe_logits(s.id, std::ssize(s.history), z);
  group.LogitsOf(&s).assign(z.begin(), z.end());
  if (std::ranges::any_of(group.logits, [](const auto& row) { return row.empty(); })) return;
  Sequence& leader = *group.rows[0];
  const auto row = [&](size_t context) { return std::span<const float>(group.logits[group.context[context]]); };
  const std::vector<float> mixed = Guided(row(0), row(1), row(2), *leader.request.guidance);
  const int32_t token = SampleToken(mixed, leader.history, leader.answer_begin, leader.request.sampling);
  for (size_t i = 1; i < group.rows.size(); ++i) {
    group.rows[i]->history.push_back(token);
    group.rows[i]->keys.push_back(token);
  }
  for (std::vector<float>& done : group.logits) done.clear();
  const FinishReason finish = Append(leader, token);
  events.push_back({.id = leader.id, .token = token, .finish = finish});
  if (finish != FinishReason::kNone) Cancel(leader.id);
}

// Draws down the tree as far as the drawn tokens were guessed, and keeps the cache of that path only.
void Engine::Accept(const Work& work, const Scores& scores, std::vector<TokenEvent>& events) {
  const auto logits = scores.logits ? scores.logits.data<float>() : std::span<const float>();
  if (work.sequence->group != nullptr) return AcceptContext(work, logits, events);
  Sequence& s = *work.sequence;
  const int64_t begin = s.cached;
  if (work.tree.tokens.empty()) s.cached += work.rows;
  if (work.logits_rows == 0) return PublishFullPages(s);
  const int64_t vocab = model_.summary().vocab;
  std::vector<int64_t> path = {0};
  FinishReason finish = FinishReason::kNone;
  for (;;) {
    const int64_t row = work.tree.tokens.empty() ? 0 : path.back();
    int32_t token = 0;
    if (scores.likeliest.empty()) {
      const auto z = logits.subspan(static_cast<size_t>((work.logits_row + row) * vocab), static_cast<size_t>(vocab));
      if (options_.observe_logits) options_.observe_logits(s.id, std::ssize(s.history), z);
      token = SampleToken(z, s.history, s.answer_begin, s.request.sampling);
    } else {
      token = scores.likeliest[static_cast<size_t>(work.logits_row + row)];
    }
    finish = Append(s, token);
    events.push_back({.id = s.id, .token = token, .finish = finish});
    if (finish != FinishReason::kNone) break;
    int64_t child = path.back() + 1;
    while (child < std::ssize(work.tree.tokens) && (work.tree.parents[static_cast<size_t>(child)] != path.back() ||
                                                    work.tree.tokens[static_cast<size_t>(child)] != token)) {
      ++child;
    }
    if (child >= std::ssize(work.tree.tokens)) break;
    path.push_back(child);
  }
  if (!work.tree.tokens.empty()) {
    std::vector<int64_t> from, to;
    const auto slot = [&](int64_t place) {
      return s.pages[static_cast<size_t>(place / kPageTokens)] * kPageTokens + place % kPageTokens;
    };
    for (int64_t i = 0; i < std::ssize(path); ++i) {
      if (path[static_cast<size_t>(i)] == i) continue;
      from.push_back(slot(begin + path[static_cast<size_t>(i)]));
      to.push_back(slot(begin + i));
    }
    if (!from.empty()) cache_->Move(from, to);
    s.cached = begin + std::ssize(path);
    stats_.guessed += work.rows - 1;
    stats_.confirmed += std::ssize(path) - 1;
    s.request.strategy->Observe(work.rows - 1, std::ssize(path) - 1);
  }
  PublishFullPages(s);
  if (finish != FinishReason::kNone) Cancel(s.id);
}

std::vector<TokenEvent> Engine::Step() {
  if (stats_.passes == 1 && !idle()) {
    if (const auto call = std::exchange(options_.before_second_pass, nullptr)) call();
  }
  const auto start = std::chrono::steady_clock::now();
  Admit();
  std::vector<TokenEvent> events;
  // A request for no tokens ends before it begins.
  for (size_t i = 0; i < running_.size();) {
    const Sequence& s = *running_[i];
    if (std::ssize(s.history) < s.answer_limit) {
      ++i;
      continue;
    }
    events.push_back({.id = s.id, .token = -1, .finish = FinishReason::kLength});
    Cancel(s.id);
  }
  const std::vector<Work> plan = Plan();
  if (plan.empty()) return events;
  const Scores scores = Run(plan);
  bool carried_prompt = false;
  for (const Work& work : plan) {
    if (work.tree.tokens.empty()) {
      carried_prompt = true;
      stats_.prompt_tokens += work.rows;
    }
    Accept(work, scores, events);
  }
  ++stats_.passes;
  (carried_prompt ? stats_.prompt_seconds : stats_.answer_seconds) += std::chrono::steady_clock::now() - start;
  return events;
}

}  // namespace tessera::infer
