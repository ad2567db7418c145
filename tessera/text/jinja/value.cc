#include "tessera/text/jinja/value.h"

#include <algorithm>

#include "tessera/core/error.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

constexpr int kMaxDepth = 100;  // printing, comparing and freeing recurse; Python itself gives up near 1000
constexpr size_t kIndexFrom = 8;

int DeeperThan(int depth) {
  Require(depth < kMaxDepth, "values nested deeper than {} levels", kMaxDepth);
  return depth + 1;
}

int DepthOf(const Values& items) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  return DeeperThan(depth);
}

size_t WeightOf(const Values& items) {
  size_t weight = 1;
  for (const Value& item : items) weight = std::min(weight + item.weight(), size_t{1} << 40);
  return weight;
}

int KeyRank(const Value& key) {
  if (key.is_none()) return 0;
  if (key.is_number()) return 1;
  if (key.is_string()) return 2;
  return key.list() != nullptr ? 3 : 4;
}

}  // namespace

Value Value::Constant(std::string text) {
  return Value(std::make_shared<const StringBody>(nullptr, std::move(text), false));
}

bool Value::is_tuple() const { return list() != nullptr && list()->tuple; }
bool Value::is_markup() const { return is_string() && string()->markup; }
std::string_view Value::text() const { return string()->text; }

double Value::floating() const { return is_float() ? std::get<double>(data_) : static_cast<double>(integer()); }

size_t Value::ListWeight() const { return list()->weight; }

const void* Value::identity() const {
  if (const void* p = string()) return p;
  if (const void* p = list()) return p;
  if (const void* p = dict()) return p;
  if (const void* p = undefined()) return p;
  return object();
}

std::string_view Value::type_name() const {
  if (is_none()) return "NoneType";
  if (is_bool()) return "bool";
  if (is_integer()) return "int";
  if (is_float()) return "float";
  if (is_string()) return is_markup() ? "Markup" : "str";
  if (list() != nullptr) return is_tuple() ? "tuple" : "list";
  if (dict() != nullptr) return "dict";
  if (is_undefined()) return "Undefined";
  return object()->type_name();
}

int Value::depth() const {
  if (list() != nullptr) return list()->depth;
  if (dict() != nullptr) return dict()->depth;
  return object() != nullptr ? object()->depth() : 0;
}

StringBody::StringBody(Budget* budget, std::string content, bool is_markup)
    : text(std::move(content)), markup(is_markup), length(CountCodePoints(text)), charge(budget, text.size() + 96) {}

ListBody::ListBody(Budget* budget, Values content, bool is_tuple)
    : items(std::move(content)),
      tuple(is_tuple),
      depth(DepthOf(items)),
      weight(WeightOf(items)),
      charge(budget, items.size() * sizeof(Value) + 96) {}

DictBody::DictBody(Budget* budget, Entries content) : charge(budget, content.size() * 3 * sizeof(Value) + 160) {
  entries.reserve(content.size());
  const bool indexed = content.size() >= kIndexFrom;
  for (auto& [key, value] : content) {
    depth = std::max({depth, key.depth(), value.depth()});
    if (const Value* old = Find(key)) {
      const_cast<Value&>(*old) = std::move(value);
      continue;
    }
    if (indexed) index.emplace(key, entries.size());
    entries.emplace_back(std::move(key), std::move(value));
  }
  depth = DeeperThan(depth);
}

const Value* DictBody::Find(const Value& key) const {
  if (!index.empty()) {
    const auto found = index.find(key);
    return found == index.end() ? nullptr : &entries[found->second].second;
  }
  const KeyLess less;
  for (const auto& [name, value] : entries)
    if (!less(name, key) && !less(key, name)) return &value;
  return nullptr;
}

const Value* DictBody::Find(std::string_view key) const {
  if (!index.empty()) return Find(Value::Constant(std::string(key)));
  for (const auto& [name, value] : entries)
    if (name.is_string() && name.text() == key) return &value;
  return nullptr;
}

bool KeyLess::operator()(const Value& a, const Value& b) const {
  const int rank_a = KeyRank(a), rank_b = KeyRank(b);
  if (rank_a != rank_b) return rank_a < rank_b;
  switch (rank_a) {
    case 0:
      return false;
    case 1:
      return a.is_float() || b.is_float() ? a.floating() < b.floating() : a.integer() < b.integer();
    case 2:
      return a.text() < b.text();
    case 3:
      return std::lexicographical_compare(a.list()->items.begin(), a.list()->items.end(), b.list()->items.begin(),
                                          b.list()->items.end(), KeyLess{});
    default:
      return a.identity() < b.identity();
  }
}

std::string Object::Repr(Runtime&) const { return fmt::format("<{} object>", type_name()); }
std::optional<Value> Object::Attribute(Runtime&, std::string_view) { return std::nullopt; }
std::optional<Value> Object::Item(Runtime&, const Value&) { return std::nullopt; }
std::optional<Int> Object::Length(Runtime&) { return std::nullopt; }
std::unique_ptr<Iterator> Object::Iterate(Runtime&) { return nullptr; }
Value Object::Call(Runtime&, const Arguments&) { Fail("'{}' object is not callable", type_name()); }

const Value* Arguments::Keyword(std::string_view name) const {
  for (const auto& [key, value] : keyword)
    if (key == name) return &value;
  return nullptr;
}

}  // namespace tessera::text::jinja
