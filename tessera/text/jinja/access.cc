#include "tessera/text/jinja/access.h"

#include <algorithm>

#include "tessera/core/error.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/methods.h"
#include "tessera/text/jinja/print.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

class ListIterator : public Iterator {
 public:
  explicit ListIterator(Value list) : list_(std::move(list)) {}
  bool Next(Value& item) override {
    const Values& items = list_.list()->items;
    if (next_ == items.size()) return false;
    item = items[next_++];
    return true;
  }

 private:
  Value list_;
  size_t next_ = 0;
};

class KeyIterator : public Iterator {
 public:
  explicit KeyIterator(Value dict) : dict_(std::move(dict)) {}
  bool Next(Value& item) override {
    const auto& entries = dict_.dict()->entries;
    if (next_ == entries.size()) return false;
    item = entries[next_++].first;
    return true;
  }

 private:
  Value dict_;
  size_t next_ = 0;
};

class TextIterator : public Iterator {
 public:
  TextIterator(Runtime& runtime, Value text) : runtime_(runtime), text_(std::move(text)) {}
  bool Next(Value& item) override {
    const std::string_view text = text_.text();
    if (position_ == text.size()) return false;
    const size_t begin = position_;
    NextCodePoint(text, position_);
    item = runtime_.String(std::string(text.substr(begin, position_ - begin)));
    return true;
  }

 private:
  Runtime& runtime_;
  Value text_;
  size_t position_ = 0;
};

class NoItems : public Iterator {
  bool Next(Value&) override { return false; }
};

std::string DescribeType(const Value& value) {
  return value.is_none() ? "None" : fmt::format("{} object", value.type_name());
}

Value Missing(Runtime& runtime, const Value& value, const Value& key) {
  if (key.is_string())
    return runtime.Undefined(fmt::format("'{}' has no attribute {}", DescribeType(value), Repr(runtime, key)));
  return runtime.Undefined(fmt::format("{} has no element {}", DescribeType(value), Repr(runtime, key)));
}

bool ChangesItsObject(const Value& value, std::string_view name) {
  static constexpr std::string_view kList[] = {"append", "clear", "pop",    "reverse",
                                               "insert", "sort",  "extend", "remove"};
  static constexpr std::string_view kDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  if (value.list() != nullptr && !value.is_tuple()) return std::ranges::count(kList, name) > 0;
  return value.dict() != nullptr && std::ranges::count(kDict, name) > 0;
}

// An attribute that Python would find without looking at items.
std::optional<Value> FindAttribute(Runtime& runtime, const Value& value, std::string_view name) {
  if (name.starts_with("__") || ChangesItsObject(value, name))
    return runtime.Undefined(
        fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, value.type_name()));
  if (value.object() != nullptr) return value.object()->Attribute(runtime, name);
  return FindMethod(runtime, value, name);
}

std::optional<size_t> Index(const Value& key, size_t size) {
  Int index = key.integer();
  if (index < 0) index += static_cast<Int>(size);
  if (index < 0 || index >= static_cast<Int>(size)) return std::nullopt;
  return static_cast<size_t>(index);
}

std::optional<Value> FindItem(Runtime& runtime, const Value& value, const Value& key) {
  if (value.dict() != nullptr) {
    if (key.dict() != nullptr || (key.list() != nullptr && !key.is_tuple())) return std::nullopt;
    Runtime::RequireHashable(key);
    const Value* found = value.dict()->Find(key);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }
  if (value.object() != nullptr) return value.object()->Item(runtime, key);
  if (!key.is_integer()) return std::nullopt;
  if (value.list() != nullptr) {
    const auto index = Index(key, value.list()->items.size());
    return index ? std::optional(value.list()->items[*index]) : std::nullopt;
  }
  if (!value.is_string()) return std::nullopt;
  const auto index = Index(key, value.string()->length);
  if (!index) return std::nullopt;
  const std::string_view text = value.text();
  const bool ascii = text.size() == value.string()->length;
  if (!ascii) runtime.budget().Step(text.size() / 1024);
  size_t begin = ascii ? *index : ByteOffset(text, *index);
  size_t end = begin;
  NextCodePoint(text, end);
  return runtime.StringLike(value, std::string(text.substr(begin, end - begin)));
}

Int SliceIndex(const Value& value, Int otherwise) {
  if (value.is_none()) return otherwise;
  Require(value.is_integer(), "slice indices must be integers or None or have an __index__ method");
  return value.integer();
}

// The selected indices of a slice, as Python's slice.indices.
std::vector<size_t> SliceIndices(Runtime& runtime, const SliceBounds& bounds, size_t size) {
  const Int length = static_cast<Int>(size);
  const Int step = SliceIndex(bounds.step, 1);
  Require(step != 0, "slice step cannot be zero");
  const Int low = step > 0 ? 0 : -1, high = step > 0 ? length : length - 1;
  const auto clamp = [&](Int index) { return std::clamp(index < 0 ? index + length : index, low, high); };
  const Int start = bounds.start.is_none() ? (step > 0 ? low : high) : clamp(SliceIndex(bounds.start, 0));
  const Int stop = bounds.stop.is_none() ? (step > 0 ? high : low) : clamp(SliceIndex(bounds.stop, 0));
  std::vector<size_t> indices;
  runtime.budget().Expect(size * sizeof(size_t));
  for (Int i = start; step > 0 ? i < stop : i > stop; i += step) {
    indices.push_back(static_cast<size_t>(i));
    if (step > length || step < -length) break;
  }
  return indices;
}

Value SliceText(Runtime& runtime, const Value& value, const SliceBounds& bounds) {
  const std::string_view text = value.text();
  const auto indices = SliceIndices(runtime, bounds, value.string()->length);
  std::string out;
  if (text.size() == value.string()->length) {
    out.reserve(indices.size());
    for (const size_t i : indices) out.push_back(text[i]);
    return runtime.StringLike(value, std::move(out));
  }
  runtime.budget().Expect(text.size() * sizeof(size_t));
  std::vector<size_t> offsets;
  for (size_t position = 0; position < text.size(); NextCodePoint(text, position)) offsets.push_back(position);
  offsets.push_back(text.size());
  for (const size_t i : indices) out.append(text.substr(offsets[i], offsets[i + 1] - offsets[i]));
  return runtime.StringLike(value, std::move(out));
}

}  // namespace

Value GetAttribute(Runtime& runtime, const Value& value, std::string_view name) {
  RequireDefined(value);
  if (auto found = FindAttribute(runtime, value, name)) {
    if (name.starts_with("_") && !found->is_undefined())
      return runtime.Undefined(
          fmt::format("access to attribute '{}' of '{}' object is unsafe.", name, value.type_name()));
    return *found;
  }
  const Value key = runtime.String(std::string(name));
  if (auto found = FindItem(runtime, value, key)) return *found;
  return Missing(runtime, value, key);
}

Value GetItem(Runtime& runtime, const Value& value, const Value& key) {
  RequireDefined(value);
  if (key.is_undefined()) return Missing(runtime, value, key);
  if (auto found = FindItem(runtime, value, key)) return *found;
  if (key.is_string())
    if (auto found = FindAttribute(runtime, value, key.text())) return *found;
  return Missing(runtime, value, key);
}

Value GetSlice(Runtime& runtime, const Value& value, const SliceBounds& bounds) {
  RequireDefined(value);
  if (value.is_string()) return SliceText(runtime, value, bounds);
  const bool sliceable = value.list() != nullptr || value.type_name() == "range";
  if (!sliceable) return runtime.Undefined(fmt::format("{} has no element slice", DescribeType(value)));
  const Value list = value.list() != nullptr ? value : runtime.List(Collect(runtime, value));
  Values items;
  for (const size_t i : SliceIndices(runtime, bounds, list.list()->items.size())) {
    runtime.budget().Step();
    items.push_back(list.list()->items[i]);
  }
  return value.is_tuple() ? runtime.Tuple(std::move(items)) : runtime.List(std::move(items));
}

bool IsIterable(Runtime& runtime, const Value& value) {
  if (value.is_string() || value.list() != nullptr || value.dict() != nullptr || value.is_undefined()) return true;
  return value.object() != nullptr && value.object()->Iterate(runtime) != nullptr;
}

std::unique_ptr<Iterator> Iterate(Runtime& runtime, const Value& value) {
  runtime.budget().Step();
  if (value.list() != nullptr) return std::make_unique<ListIterator>(value);
  if (value.dict() != nullptr) return std::make_unique<KeyIterator>(value);
  if (value.is_string()) return std::make_unique<TextIterator>(runtime, value);
  if (value.is_undefined()) return std::make_unique<NoItems>();
  if (value.object() != nullptr)
    if (auto iterator = value.object()->Iterate(runtime)) return iterator;
  Fail("'{}' object is not iterable", value.type_name());
}

Values Collect(Runtime& runtime, const Value& value) {
  Values items;
  const auto iterator = Iterate(runtime, value);
  for (Value item; iterator->Next(item);) {
    if ((items.size() & 1023) == 0) runtime.budget().Expect((items.size() + 1024) * sizeof(Value));
    runtime.budget().Step();
    items.push_back(std::move(item));
  }
  return items;
}

std::optional<Int> LengthOf(Runtime& runtime, const Value& value) {
  if (value.is_string()) return static_cast<Int>(value.string()->length);
  if (value.list() != nullptr) return static_cast<Int>(value.list()->items.size());
  if (value.dict() != nullptr) return static_cast<Int>(value.dict()->entries.size());
  if (value.is_undefined()) return Int{0};
  return value.object() == nullptr ? std::nullopt : value.object()->Length(runtime);
}

Int RequireLength(Runtime& runtime, const Value& value) {
  const auto length = LengthOf(runtime, value);
  Require(length.has_value(), "object of type '{}' has no len()", value.type_name());
  return *length;
}

Value CallValue(Runtime& runtime, const Value& callee, const Arguments& arguments) {
  RequireDefined(callee);
  Require(callee.object() != nullptr && callee.object()->callable(), "'{}' object is not callable", callee.type_name());
  const DepthGuard guard(runtime);
  return callee.object()->Call(runtime, arguments);
}

Values Characters(Runtime& runtime, std::string_view text) {
  Values items;
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    NextCodePoint(text, position);
    items.push_back(runtime.String(std::string(text.substr(begin, position - begin))));
  }
  return items;
}

}  // namespace tessera::text::jinja
