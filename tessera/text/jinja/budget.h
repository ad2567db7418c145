#pragma once
// The account of one rendering: steps, time and memory. Whatever works or allocates in proportion to data asks here
// first.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tessera/text/template_limits.h"

namespace tessera::text::jinja {

class Budget {
 public:
  explicit Budget(const TemplateLimits& limits);

  // Counts `steps`; throws Error beyond the limit on steps or on time.
  void Step(uint64_t steps = 1) {
    steps_ += steps;
    if (steps_ >= next_look_) Look();
  }

  // Throws Error unless `bytes` more fit into memory; also counts the work of writing them. Takes nothing.
  void Expect(size_t bytes);

  // Takes `bytes` until Release; throws like Expect.
  void Take(size_t bytes) {
    Expect(bytes);
    live_ += bytes;
  }
  void Release(size_t bytes) { live_ -= bytes; }

  const TemplateLimits& limits() const { return limits_; }

 private:
  void Look();

  TemplateLimits limits_;
  std::chrono::steady_clock::time_point deadline_;
  uint64_t steps_ = 0, next_look_ = 0;
  size_t live_ = 0;
};

// Bytes on the account of a budget as long as this lives. Without a budget it counts nothing: constants of a template.
class Charge {
 public:
  Charge(Budget* budget, size_t bytes) : budget_(budget), bytes_(bytes) {
    if (budget_ != nullptr) budget_->Take(bytes_);
  }
  ~Charge() {
    if (budget_ != nullptr) budget_->Release(bytes_);
  }
  Charge(const Charge&) = delete;
  Charge& operator=(const Charge&) = delete;

 private:
  Budget* budget_;
  size_t bytes_;
};

// A text that grows, on the account of a budget while it does.
class TextBuilder {
 public:
  explicit TextBuilder(Budget& budget) : budget_(budget) {}
  ~TextBuilder() { budget_.Release(charged_); }
  TextBuilder(const TextBuilder&) = delete;
  TextBuilder& operator=(const TextBuilder&) = delete;

  void Append(std::string_view text) {
    Grow(text.size());
    text_.append(text);
  }
  void Append(size_t count, char c) {
    Grow(count);
    text_.append(count, c);
  }
  size_t size() const { return text_.size(); }
  const std::string& text() const { return text_; }
  std::string Finish() { return std::move(text_); }  // leaves the builder empty

 private:
  void Grow(size_t bytes);

  Budget& budget_;
  std::string text_;
  size_t charged_ = 0;
};

}  // namespace tessera::text::jinja
