// Filters that order or group items: sort, dictsort, unique, min, max, groupby.

#include <algorithm>

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/filters.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

struct Keyed {
  Value key, item;
};

Value FoldCase(Runtime& runtime, const Value& value, bool case_sensitive) {
  return value.is_string() && !case_sensitive ? runtime.String(ToLower(value.text())) : value;
}

// The parts that "a,b" names, or the item itself, each without case unless asked.
Value SortKey(Runtime& runtime, const Value& item, const Value& attribute, bool case_sensitive) {
  if (attribute.is_none()) return FoldCase(runtime, item, case_sensitive);
  if (!attribute.is_string()) return FoldCase(runtime, LookUpPath(runtime, item, attribute), case_sensitive);
  Values parts;
  std::string_view rest = attribute.text();
  while (true) {
    const size_t comma = rest.find(',');
    const Value path = runtime.String(std::string(rest.substr(0, comma)));
    parts.push_back(FoldCase(runtime, LookUpPath(runtime, item, path), case_sensitive));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  return runtime.List(std::move(parts));
}

// A stable merge sort: Less may throw and may be inconsistent, which std::stable_sort need not survive.
void SortKeyed(Runtime& runtime, std::vector<Keyed>& items, bool reverse) {
  std::vector<Keyed> merged(items.size());
  for (size_t width = 1; width < items.size(); width *= 2) {
    for (size_t begin = 0; begin < items.size(); begin += 2 * width) {
      const size_t middle = std::min(begin + width, items.size()), end = std::min(begin + 2 * width, items.size());
      size_t a = begin, b = middle;
      for (size_t out = begin; out < end; ++out) {
        const bool take_b = a == middle || (b < end && (reverse ? Less(runtime, items[a].key, items[b].key)
                                                                : Less(runtime, items[b].key, items[a].key)));
        merged[out] = std::move(items[take_b ? b++ : a++]);
      }
    }
    std::swap(items, merged);
  }
}

Values ItemsOf(std::vector<Keyed> keyed) {
  Values items;
  for (Keyed& entry : keyed) items.push_back(std::move(entry.item));
  return items;
}

Value Sort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const bool case_sensitive = parameters.Flag(runtime, 1, false);
  const Value attribute = parameters.Or(2, {});
  std::vector<Keyed> keyed;
  for (Value& item : Collect(runtime, input)) {
    Value key = SortKey(runtime, item, attribute, case_sensitive);
    keyed.push_back({std::move(key), std::move(item)});
  }
  SortKeyed(runtime, keyed, parameters.Flag(runtime, 0, false));
  return runtime.List(ItemsOf(std::move(keyed)));
}

Value DictSort(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  RequireDefined(input);
  Require(input.dict() != nullptr, "'{}' object has no attribute 'items'", input.type_name());
  const std::string_view by = parameters.Text(1, "key");
  Require(by == "key" || by == "value", "You can only sort by either \"key\" or \"value\"");
  const bool case_sensitive = parameters.Flag(runtime, 0, false);
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : input.dict()->entries)
    keyed.push_back({FoldCase(runtime, by == "key" ? key : value, case_sensitive), runtime.Tuple({key, value})});
  SortKeyed(runtime, keyed, parameters.Flag(runtime, 2, false));
  return runtime.List(ItemsOf(std::move(keyed)));
}

Value Unique(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("unique", arguments, {"case_sensitive", "attribute"});
  const bool case_sensitive = parameters.Flag(runtime, 0, false);
  std::map<Value, bool, KeyLess> seen;
  Values items;
  for (Value& item : Collect(runtime, input)) {
    const Value found =
        parameters.given(1) && !parameters[1].is_none() ? LookUpPath(runtime, item, parameters[1]) : item;
    Value key = FoldCase(runtime, found, case_sensitive);
    Runtime::RequireHashable(key);
    runtime.budget().Expect((seen.size() + 1) * 96);
    if (seen.emplace(std::move(key), true).second) items.push_back(std::move(item));
  }
  return runtime.List(std::move(items));
}

Value Extreme(Runtime& runtime, const Value& input, const Arguments& arguments, bool largest) {
  const Parameters parameters(largest ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  const bool case_sensitive = parameters.Flag(runtime, 0, false);
  const Value attribute = parameters.Or(1, {});
  const auto iterator = Iterate(runtime, input);
  std::optional<Keyed> best;
  for (Value item; iterator->Next(item);) {
    const Value found = attribute.is_none() ? item : LookUpPath(runtime, item, attribute);
    Value key = FoldCase(runtime, found, case_sensitive);
    if (!best || (largest ? Less(runtime, best->key, key) : Less(runtime, key, best->key)))
      best = Keyed{std::move(key), std::move(item)};
  }
  return best ? best->item : runtime.Undefined("No aggregated item, sequence was empty.");
}

Value Min(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return Extreme(runtime, input, arguments, false);
}

Value Max(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return Extreme(runtime, input, arguments, true);
}

// One group of groupby: a pair that also knows the names `grouper` and `list`.
class Group : public Object {
 public:
  explicit Group(Value pair) : pair_(std::move(pair)) {}
  std::string_view type_name() const override { return "_GroupTuple"; }
  int depth() const override { return pair_.depth() + 1; }
  std::optional<Int> Length(Runtime&) override { return Int{2}; }
  std::optional<Value> Attribute(Runtime&, std::string_view name) override {
    if (name == "grouper") return pair_.list()->items[0];
    if (name == "list") return pair_.list()->items[1];
    return std::nullopt;
  }
  std::optional<Value> Item(Runtime& runtime, const Value& key) override {
    return key.is_integer() ? std::optional(GetItem(runtime, pair_, key)) : std::nullopt;
  }
  std::unique_ptr<Iterator> Iterate(Runtime& runtime) override { return jinja::Iterate(runtime, pair_); }

 private:
  Value pair_;
};

Value GroupBy(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  const bool case_sensitive = parameters.Flag(runtime, 2, false);
  const auto raw_key = [&](const Value& item) {
    const Value found = LookUpPath(runtime, item, parameters[0]);
    return found.is_undefined() && parameters.given(1) ? parameters[1] : found;
  };
  std::vector<Keyed> keyed;
  for (Value& item : Collect(runtime, input)) {
    Value key = FoldCase(runtime, raw_key(item), case_sensitive);
    keyed.push_back({std::move(key), std::move(item)});
  }
  SortKeyed(runtime, keyed, false);
  Values groups;
  for (size_t begin = 0; begin < keyed.size();) {
    size_t end = begin;
    Values members;
    for (; end < keyed.size() && Equal(runtime, keyed[begin].key, keyed[end].key); ++end)
      members.push_back(keyed[end].item);
    if (end == begin) members.push_back(keyed[end++].item);  // a key that does not equal itself
    const Value name = raw_key(keyed[begin].item);
    groups.push_back(runtime.Make<Group>(runtime.Tuple({name, runtime.List(std::move(members))})));
    begin = end;
  }
  return runtime.List(std::move(groups));
}

constexpr NamedFunction kFilters[] = {{"sort", Sort}, {"dictsort", DictSort}, {"unique", Unique},
                                      {"min", Min},   {"max", Max},           {"groupby", GroupBy}};

}  // namespace

std::optional<NativeFunction> FindOrderFilter(std::string_view name) {
  for (const NamedFunction& entry : kFilters)
    if (entry.name == name) return entry.function;
  return std::nullopt;
}

}  // namespace tessera::text::jinja
