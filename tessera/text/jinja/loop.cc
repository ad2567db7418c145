#include "tessera/text/jinja/loop.h"

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/parameters.h"
#include "tessera/text/jinja/print.h"

namespace tessera::text::jinja {
namespace {

class DrawnItems : public Iterator {
 public:
  explicit DrawnItems(Values items) : items_(std::move(items)) {}
  bool Next(Value& item) override {
    if (next_ == items_.size()) return false;
    item = items_[next_++];
    return true;
  }

 private:
  Values items_;
  size_t next_ = 0;
};

Value CycleMethod(Runtime&, const Value& self, const Arguments& arguments) {
  return static_cast<Loop*>(self.object())->Cycle(arguments);
}

Value ChangedMethod(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return static_cast<Loop*>(self.object())->Changed(runtime, arguments);
}

}  // namespace

Loop::Loop(Evaluator& evaluator, const For& node, std::shared_ptr<Scope> outer, Value items, int depth)
    : evaluator_(evaluator),
      node_(node),
      outer_(std::move(outer)),
      items_(std::move(items)),
      iterator_(jinja::Iterate(evaluator.runtime(), items_)),
      depth_(depth) {}

bool Loop::Pull(Value& item) {
  Runtime& runtime = evaluator_.runtime();
  while (iterator_ != nullptr && iterator_->Next(item)) {
    runtime.budget().Step();
    if (node_.filter == nullptr) return true;
    const bool passes = evaluator_.InScope(std::make_shared<Scope>(outer_), [&] {
      evaluator_.Assign(node_.target, item);
      return Truth(runtime, evaluator_.Evaluate(*node_.filter));
    });
    if (passes) return true;
  }
  return false;
}

bool Loop::Peek() {
  if (after_) return true;
  Value item;
  if (!Pull(item)) return false;
  after_ = std::move(item);
  return true;
}

bool Loop::Advance() {
  if (!Peek()) return false;
  before_ = std::move(current_);
  current_ = std::move(*after_);
  after_.reset();
  ++index_;
  return true;
}

void Loop::Close() {
  before_ = current_ = items_ = Value();
  after_.reset();
  last_checked_.reset();
  iterator_.reset();
}

std::string Loop::Repr(Runtime& runtime) const {
  const Int length = const_cast<Loop*>(this)->Length(runtime).value_or(0);
  return "<LoopContext " + IntegerText(index_ + 1) + "/" + IntegerText(length) + ">";
}

std::optional<Int> Loop::Length(Runtime& runtime) {
  if (length_) return length_;
  if (node_.filter == nullptr) length_ = LengthOf(runtime, items_);
  if (length_) return length_;
  Values rest;
  for (Value item; Pull(item);) {
    runtime.budget().Expect(rest.size() * sizeof(Value));
    rest.push_back(std::move(item));
  }
  length_ = static_cast<Int>(rest.size()) + index_ + 1 + (after_ ? 1 : 0);
  iterator_ = std::make_unique<DrawnItems>(std::move(rest));
  return length_;
}

std::optional<Value> Loop::Attribute(Runtime& runtime, std::string_view name) {
  if (name == "index0") return Value(index_);
  if (name == "index") return Value(index_ + 1);
  if (name == "first") return Value(index_ == 0);
  if (name == "last") return Value(!Peek());
  if (name == "length") return Value(*Length(runtime));
  if (name == "revindex") return Value(*Length(runtime) - index_);
  if (name == "revindex0") return Value(*Length(runtime) - index_ - 1);
  if (name == "depth") return Value(depth_ + 1);
  if (name == "depth0") return Value(depth_);
  if (name == "previtem") return index_ == 0 ? runtime.Undefined("there is no previous item") : before_;
  if (name == "nextitem") return Peek() ? *after_ : runtime.Undefined("there is no next item");
  if (name == "cycle")
    return runtime.Make<Native>(name, CycleMethod, Value(std::shared_ptr<Object>(shared_from_this())));
  if (name == "changed")
    return runtime.Make<Native>(name, ChangedMethod, Value(std::shared_ptr<Object>(shared_from_this())));
  return std::nullopt;
}

Value Loop::Cycle(const Arguments& arguments) const {
  const Values& items = arguments.positional;
  Require(!items.empty(), "no items for cycling given");
  return items[static_cast<size_t>(index_ % static_cast<Int>(items.size()))];
}

Value Loop::Changed(Runtime& runtime, const Arguments& arguments) {
  const Values& now = arguments.positional;
  bool same = last_checked_ && last_checked_->size() == now.size();
  for (size_t i = 0; same && i < now.size(); ++i) same = Equal(runtime, (*last_checked_)[i], now[i]);
  if (!same) last_checked_ = now;
  return !same;
}

Value Loop::Call(Runtime& runtime, const Arguments& arguments) {
  Require(node_.recursive, "The loop must have the 'recursive' marker to be called recursively.");
  const Parameters parameters("loop", arguments, {"items"}, 1);
  return runtime.String(evaluator_.Capture([&] { evaluator_.RunLoop(node_, outer_, parameters[0], depth_ + 1); }));
}

}  // namespace tessera::text::jinja
