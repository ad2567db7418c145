#pragma once
// What one rendering carries along: its budget, its clock, the current line, and the objects that may form cycles.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "tessera/text/jinja/value.h"

namespace tessera::text::jinja {

class Runtime {
 public:
  using Clock = std::chrono::system_clock::time_point;

  Runtime(const TemplateLimits& limits, Clock now) : budget_(limits), now_(now) {}

  Budget& budget() { return budget_; }
  Clock now() const { return now_; }

  Value String(std::string text) { return Value(std::make_shared<const StringBody>(&budget_, std::move(text), false)); }
  Value Markup(std::string text) { return Value(std::make_shared<const StringBody>(&budget_, std::move(text), true)); }
  // A string that is markup where `like` is.
  Value StringLike(const Value& like, std::string text) {
    return like.is_markup() ? Markup(std::move(text)) : String(std::move(text));
  }
  Value List(Values items) { return Value(std::make_shared<const ListBody>(&budget_, std::move(items), false)); }
  Value Tuple(Values items) { return Value(std::make_shared<const ListBody>(&budget_, std::move(items), true)); }
  Value Dict(DictBody::Entries entries) {  // throws Error for a key that cannot be one, as a list
    for (const auto& entry : entries) RequireHashable(entry.first);
    return Value(std::make_shared<const DictBody>(&budget_, std::move(entries)));
  }
  Value Undefined(std::string message) {
    return Value(std::make_shared<const UndefinedBody>(UndefinedBody{std::move(message)}));
  }

  // Throws Error unless `key` may be a key of a dictionary.
  static void RequireHashable(const Value& key);

  template <typename T, typename... Args>
  Value Make(Args&&... args) {
    budget_.Expect(sizeof(T));
    return Value(std::shared_ptr<Object>(std::make_shared<T>(std::forward<Args>(args)...)));
  }

  // An object that can hold itself lives as long as the rendering; its values do not own it.
  template <typename T, typename... Args>
  Value Keep(Args&&... args) {
    budget_.Take(sizeof(T) + 256);
    kept_.push_back(std::make_unique<T>(std::forward<Args>(args)...));
    return Value(std::shared_ptr<Object>(std::shared_ptr<Object>(), kept_.back().get()));
  }

  int line = 1;  // of the node that is evaluated now
  int evaluation_depth = 0;

 private:
  Budget budget_;
  Clock now_;
  std::vector<std::unique_ptr<Object>> kept_;
};

// Holds one level of recursion; throws Error when the rendering nests too deep.
class DepthGuard {
 public:
  explicit DepthGuard(Runtime& runtime);
  ~DepthGuard() { --runtime_.evaluation_depth; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

 private:
  Runtime& runtime_;
};

}  // namespace tessera::text::jinja
