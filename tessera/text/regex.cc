#include "tessera/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "tessera/core/error.h"

namespace tessera::text {
namespace {

// One match may take this many steps: some 50 ms. A run of 25,000 characters in an alternation takes below 200,000.
constexpr uint32_t kMatchLimit = 5'000'000;
constexpr uint32_t kHeapLimitKib = 64 * 1024;
constexpr size_t kJitStackStart = 32 * 1024, kJitStackMax = 16 * 1024 * 1024;
constexpr size_t kMaxPattern = 64 * 1024;

std::string ErrorText(int code) {
  PCRE2_UCHAR buffer[256] = {};
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

struct Regex::Code {
  std::unique_ptr<pcre2_code, decltype(&pcre2_code_free)> code{nullptr, &pcre2_code_free};
  std::string where;
};

struct Regex::Search::State {
  std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data{nullptr, &pcre2_match_data_free};
  std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> context{nullptr, &pcre2_match_context_free};
  std::unique_ptr<pcre2_jit_stack, decltype(&pcre2_jit_stack_free)> stack{nullptr, &pcre2_jit_stack_free};
};

Regex::Regex(std::string_view pattern, std::string_view where) : code_(std::make_unique<Code>()) {
  Require(pattern.size() <= kMaxPattern, "{}: a pattern of {} bytes, the limit is {}", where, pattern.size(),
          kMaxPattern);
  code_->where = where;
  const std::string translated = WithContext(where, [&] { return TranslatePattern(pattern); });
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &offset, nullptr));
  Require(code_->code != nullptr, "{}: the pattern \"{}\" fails at {}: {}", where, translated.substr(0, 200), offset,
          ErrorText(error));
  pcre2_jit_compile(code_->code.get(), PCRE2_JIT_COMPLETE);  // where it is not available, the interpreter runs
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

Regex::Search::Search(const Regex& regex) : regex_(regex), state_(std::make_unique<State>()) {
  state_->data.reset(pcre2_match_data_create(1, nullptr));
  state_->context.reset(pcre2_match_context_create(nullptr));
  state_->stack.reset(pcre2_jit_stack_create(kJitStackStart, kJitStackMax, nullptr));
  Require(state_->data && state_->context && state_->stack, "regex: out of memory");
  pcre2_set_match_limit(state_->context.get(), kMatchLimit);
  pcre2_set_heap_limit(state_->context.get(), kHeapLimitKib);
  pcre2_jit_stack_assign(state_->context.get(), nullptr, state_->stack.get());
}

Regex::Search::~Search() = default;

std::optional<Regex::Match> Regex::Search::Next(std::string_view text, size_t from) {
  const int result = pcre2_match(regex_.code_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                                 PCRE2_NO_UTF_CHECK, state_->data.get(), state_->context.get());
  if (result == PCRE2_ERROR_NOMATCH) return std::nullopt;
  Require(result >= 0, "{}: the pattern gives up at byte {} of a text of {}: {}", regex_.code_->where, from,
          text.size(), ErrorText(result));
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(state_->data.get());
  // \K in a lookahead can put the start behind the end; no tokenizer means that.
  Require(bounds[0] <= bounds[1] && bounds[0] >= from, "{}: the pattern moves its own start", regex_.code_->where);
  return Match{bounds[0], bounds[1]};
}

}  // namespace tessera::text
