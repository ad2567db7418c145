#include "tessera/text/jinja/objects.h"

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/parameters.h"
#include "tessera/text/jinja/print.h"

namespace tessera::text::jinja {
namespace {

constexpr int kMaxGeneratorDepth = 60;  // each level of a chain of generators is a few calls deep

class RangeIterator : public Iterator {
 public:
  RangeIterator(Int start, Int count, Int step) : next_(start), left_(count), step_(step) {}
  bool Next(Value& item) override {
    if (left_ == 0) return false;
    item = next_;
    if (--left_ > 0) next_ += step_;
    return true;
  }

 private:
  Int next_, left_, step_;
};

class ViewIterator : public Iterator {
 public:
  ViewIterator(Runtime& runtime, Value dict, DictView::Part part)
      : runtime_(runtime), dict_(std::move(dict)), part_(part) {}
  bool Next(Value& item) override {
    const auto& entries = dict_.dict()->entries;
    if (next_ == entries.size()) return false;
    const auto& [key, value] = entries[next_++];
    item = part_ == DictView::Part::kKeys     ? key
           : part_ == DictView::Part::kValues ? value
                                              : runtime_.Tuple({key, value});
    return true;
  }

 private:
  Runtime& runtime_;
  Value dict_;
  DictView::Part part_;
  size_t next_ = 0;
};

class GeneratorIterator : public Iterator {
 public:
  GeneratorIterator(Runtime& runtime, std::shared_ptr<Generator::NextItem> next)
      : runtime_(runtime), next_(std::move(next)) {}
  bool Next(Value& item) override {
    runtime_.budget().Step();
    const DepthGuard guard(runtime_);
    return (*next_)(item);
  }

 private:
  Runtime& runtime_;
  std::shared_ptr<Generator::NextItem> next_;
};

Value CyclerNext(Runtime&, const Value& self, const Arguments&) { return static_cast<Cycler*>(self.object())->Next(); }

Value CyclerReset(Runtime&, const Value& self, const Arguments&) {
  static_cast<Cycler*>(self.object())->Reset();
  return {};
}

}  // namespace

Int Range::Count() const {
  if (step_ > 0) return stop_ <= start_ ? 0 : (stop_ - start_ - 1) / step_ + 1;
  return stop_ >= start_ ? 0 : (start_ - stop_ - 1) / -step_ + 1;
}

std::string Range::Repr(Runtime&) const {
  const std::string ends = "range(" + IntegerText(start_) + ", " + IntegerText(stop_);
  return step_ == 1 ? ends + ")" : ends + ", " + IntegerText(step_) + ")";
}

std::optional<Value> Range::Item(Runtime&, const Value& key) {
  if (!key.is_integer()) return std::nullopt;
  const Int count = Count();
  const Int index = key.integer() < 0 ? key.integer() + count : key.integer();
  if (index < 0 || index >= count) return std::nullopt;
  return Value(start_ + index * step_);
}

std::unique_ptr<Iterator> Range::Iterate(Runtime&) { return std::make_unique<RangeIterator>(start_, Count(), step_); }

std::string_view DictView::type_name() const {
  return part_ == Part::kKeys ? "dict_keys" : part_ == Part::kValues ? "dict_values" : "dict_items";
}

std::string DictView::Repr(Runtime& runtime) const {
  Values items;
  ViewIterator iterator(runtime, dict_, part_);
  for (Value item; iterator.Next(item);) items.push_back(item);
  return fmt::format("{}({})", type_name(), jinja::Repr(runtime, runtime.List(std::move(items))));
}

std::unique_ptr<Iterator> DictView::Iterate(Runtime&) { return std::make_unique<ViewIterator>(runtime_, dict_, part_); }

Generator::Generator(std::string_view function, int depth, NextItem next)
    : function_(function), depth_(depth + 1), next_(std::make_shared<NextItem>(std::move(next))) {
  Require(depth_ <= kMaxGeneratorDepth, "more than {} filters inside each other that make generators",
          kMaxGeneratorDepth);
}

std::string Generator::Repr(Runtime&) const { return fmt::format("<generator object {}>", function_); }

std::unique_ptr<Iterator> Generator::Iterate(Runtime& runtime) {
  return std::make_unique<GeneratorIterator>(runtime, next_);
}

std::string Namespace::Repr(Runtime& runtime) const {
  DictBody::Entries entries;
  for (const auto& [name, value] : attributes_) entries.emplace_back(runtime.String(name), value);
  return "<Namespace " + jinja::Repr(runtime, runtime.Dict(std::move(entries))) + ">";
}

std::optional<Value> Namespace::Attribute(Runtime&, std::string_view name) {
  for (const auto& [key, value] : attributes_)
    if (key == name) return value;
  return std::nullopt;
}

std::optional<Value> Namespace::Item(Runtime& runtime, const Value& key) {
  return key.is_string() ? Attribute(runtime, key.text()) : std::nullopt;
}

void Namespace::Set(Runtime& runtime, std::string_view name, Value value) {
  for (auto& [key, old] : attributes_) {
    runtime.budget().Step();
    if (key != name) continue;
    old = std::move(value);
    return;
  }
  runtime.budget().Take(name.size() + 96);
  attributes_.emplace_back(std::string(name), std::move(value));
}

int Cycler::depth() const {
  int depth = 0;
  for (const Value& item : items_) depth = std::max(depth, item.depth());
  return depth + 1;
}

Value Cycler::Next() {
  Value item = items_[position_];
  position_ = (position_ + 1) % items_.size();
  return item;
}

std::optional<Value> Cycler::Attribute(Runtime& runtime, std::string_view name) {
  if (name == "current") return items_[position_];
  const Value self(std::shared_ptr<Object>(std::shared_ptr<Object>(), this));
  if (name == "next") return runtime.Make<Native>(name, CyclerNext, self);
  if (name == "reset") return runtime.Make<Native>(name, CyclerReset, self);
  return std::nullopt;
}

Value Joiner::Call(Runtime& runtime, const Arguments&) {
  if (used_) return separator_;
  used_ = true;
  return runtime.String("");
}

}  // namespace tessera::text::jinja
