#pragma once
// The objects of templates that are neither text nor number nor container: ranges, views, generators, namespaces.

#include <functional>

#include "tessera/text/jinja/runtime.h"

namespace tessera::text::jinja {

class Range : public Object {
 public:
  Range(Int start, Int stop, Int step) : start_(start), stop_(stop), step_(step) {}
  std::string_view type_name() const override { return "range"; }
  std::string Repr(Runtime& runtime) const override;
  std::optional<Value> Item(Runtime& runtime, const Value& key) override;
  std::optional<Int> Length(Runtime&) override { return Count(); }
  std::unique_ptr<Iterator> Iterate(Runtime& runtime) override;

 private:
  Int Count() const;
  Int start_, stop_, step_;
};

// What dict.items(), keys() and values() give.
class DictView : public Object {
 public:
  enum class Part { kKeys, kValues, kItems };
  DictView(Runtime& runtime, Value dict, Part part) : runtime_(runtime), dict_(std::move(dict)), part_(part) {}
  std::string_view type_name() const override;
  int depth() const override { return dict_.depth() + 1; }
  std::string Repr(Runtime& runtime) const override;
  std::optional<Int> Length(Runtime&) override { return static_cast<Int>(dict_.dict()->entries.size()); }
  std::unique_ptr<Iterator> Iterate(Runtime& runtime) override;

 private:
  Runtime& runtime_;
  Value dict_;
  Part part_;
};

// Items made on demand, once: a second walk finds none.
class Generator : public Object {
 public:
  using NextItem = std::function<bool(Value& item)>;
  // `depth`: that of the deepest value that `next` holds.
  Generator(std::string_view function, int depth, NextItem next);
  std::string_view type_name() const override { return "generator"; }
  int depth() const override { return depth_; }
  std::string Repr(Runtime& runtime) const override;
  std::unique_ptr<Iterator> Iterate(Runtime& runtime) override;

 private:
  std::string_view function_;
  int depth_;
  std::shared_ptr<NextItem> next_;
};

// namespace(…): the one value whose attributes a template may set.
class Namespace : public Object {
 public:
  std::string_view type_name() const override { return "Namespace"; }
  std::string Repr(Runtime& runtime) const override;
  std::optional<Value> Attribute(Runtime& runtime, std::string_view name) override;
  std::optional<Value> Item(Runtime& runtime, const Value& key) override;
  void Set(Runtime& runtime, std::string_view name, Value value);

 private:
  std::vector<std::pair<std::string, Value>> attributes_;
};

class Cycler : public Object {
 public:
  explicit Cycler(Values items) : items_(std::move(items)) {}
  std::string_view type_name() const override { return "Cycler"; }
  int depth() const override;
  std::optional<Value> Attribute(Runtime& runtime, std::string_view name) override;
  Value Next();
  void Reset() { position_ = 0; }

 private:
  Values items_;
  size_t position_ = 0;
};

class Joiner : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  std::string_view type_name() const override { return "Joiner"; }
  bool callable() const override { return true; }
  Value Call(Runtime& runtime, const Arguments& arguments) override;

 private:
  Value separator_;
  bool used_ = false;
};

// The global function of this name; nothing if there is none.
std::optional<Value> FindGlobal(Runtime& runtime, std::string_view name);

}  // namespace tessera::text::jinja
