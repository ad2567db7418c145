#include "tessera/models/perplexity.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/checked.h"
#include "tessera/core/thread_pool.h"
#include "tessera/kernels/softmax.h"

namespace tessera::models {
namespace {

// Logits of this many rows are held at once: 64 rows of 150,000 scores are 38 MB.
constexpr int64_t kRowsAtOnce = 64;

// ln softmax(logits)[label]
float LogProbability(std::span<const float> logits, int64_t label) {
  const float greatest = *std::ranges::max_element(logits);
  const double sum = kernels::ExpSum(logits, greatest, 1, greatest);
  return static_cast<float>(double{logits[static_cast<size_t>(label)]} - double{greatest} - std::log(sum));
}

// Pages for the tokens of one window in every layer, each window written over the one before. None without a type.
class WindowPages {
 public:
  WindowPages(const LanguageModel& model, std::optional<DType> dtype, int64_t tokens) {
    if (!dtype) return;
    Require(model.summary().device == Device::kCpu, "perplexity: a cache's effect is measured on the processor");
    const int64_t pages = (tokens + kernels::kPageTokens - 1) / kernels::kPageTokens;
    for (const KvShape& kv : model.summary().kv) {
      const kernels::KvPageFormat format = kv.Format(*dtype);
      memory_.push_back(Tensor::Zeros({CheckedMul(pages, format.page_bytes(), "perplexity: cache bytes")}, DType::kU8));
      layers_.push_back({.format = format, .base = memory_.back().mutable_raw(), .page_count = pages});
    }
    for (int64_t page = 0; page < pages; ++page) pages_.push_back(static_cast<int32_t>(page));
    for (int64_t slot = 0; slot < tokens; ++slot) slots_.push_back(slot);
  }

  nn::Context ContextOf(int64_t length) const {
    nn::Context context = nn::PlainContext({&length, 1});
    if (layers_.empty()) return context;
    const int64_t used = (length + kernels::kPageTokens - 1) / kernels::kPageTokens;
    context.pattern.sequences.front().pages.assign(pages_.begin(), pages_.begin() + used);
    context.cache = nn::KvView{layers_, std::span(slots_).first(static_cast<size_t>(length))};
    return context;
  }

 private:
  std::vector<Tensor> memory_;
  std::vector<kernels::KvPages> layers_;
  std::vector<int32_t> pages_;
  std::vector<int64_t> slots_;
};

// The log-probabilities of tokens[from], tokens[from + 1], … given those before them in the window.
void ScoreWindow(const LanguageModel& model, const WindowPages& pages, std::span<const int64_t> tokens, int64_t from,
                 std::vector<float>& scores) {
  const int64_t length = std::ssize(tokens) - 1;  // the last token foretells nothing
  const Tensor ids = Tensor::From<int64_t>({tokens.begin(), tokens.end() - 1}, {length});
  const Tensor hidden = model.Hidden(model.Embed(ids), pages.ContextOf(length));
  for (int64_t row = from - 1; row < length; row += kRowsAtOnce) {
    const int64_t count = std::min(kRowsAtOnce, length - row);
    const Tensor logits = model.Logits(hidden.Slice(0, row, row + count).Contiguous()).To(Device::kCpu);
    const auto values = logits.data<float>();
    const auto vocab = static_cast<size_t>(logits.dim(1));
    const size_t first = scores.size();
    scores.resize(first + static_cast<size_t>(count));
    ParallelFor(count, [&](int64_t i) {
      const auto index = static_cast<size_t>(i);
      scores[first + index] =
          LogProbability(values.subspan(index * vocab, vocab), tokens[static_cast<size_t>(row + i) + 1]);
    });
  }
}

}  // namespace

PerplexityResult MeasurePerplexity(const LanguageModel& model, std::span<const int64_t> tokens,
                                   const PerplexityOptions& options) {
  const int64_t count = std::ssize(tokens), window = options.window, stride = options.stride;
  Require(count >= 2, "perplexity: the text has {} tokens, it needs at least 2", count);
  Require(window >= 2, "perplexity: a window of {} tokens; it needs at least 2", window);
  Require(stride >= 1 && stride < window,
          "perplexity: the stride is {}, it must be at least 1 and less than the window's {}", stride, window);
  for (const int64_t id : tokens)
    Require(id >= 0 && id < model.summary().vocab, "perplexity: token {} is outside the model's vocabulary of {}", id,
            model.summary().vocab);
  const WindowPages pages(model, options.cache, std::min(window, count));
  PerplexityResult result;
  for (int64_t end = std::min(window, count), scored = 1;; end = std::min(end + stride, count)) {
    const int64_t begin = std::max<int64_t>(0, end - window);
    ScoreWindow(model, pages, tokens.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)),
                scored - begin, result.log_probabilities);
    scored = end;
    if (options.progress) options.progress(scored - 1, count - 1);
    if (end == count) break;
  }
  const double n = static_cast<double>(count - 1);
  double sum = 0, squares = 0;
  for (const float p : result.log_probabilities) sum -= p;
  result.mean_nll = sum / n;
  for (const float p : result.log_probabilities) squares += (-p - result.mean_nll) * (-p - result.mean_nll);
  result.perplexity = std::exp(result.mean_nll);
  result.standard_error = n > 1 ? result.perplexity * std::sqrt(squares / (n - 1) / n) : 0;
  return result;
}

}  // namespace tessera::models
