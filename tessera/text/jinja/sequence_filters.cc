// Filters on sequences and mappings: length, first, last, list, items, batch, slice, default, attr, reverse.

#include <algorithm>
#include <functional>
#include <limits>

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/filters.h"
#include "tessera/text/jinja/objects.h"
#include "tessera/text/jinja/print.h"

namespace tessera::text::jinja {
namespace {

Value LengthFilter(Runtime& runtime, const Value& input, const Arguments&) { return RequireLength(runtime, input); }

Value First(Runtime& runtime, const Value& input, const Arguments&) {
  Value item;
  return Iterate(runtime, input)->Next(item) ? item : runtime.Undefined("No first item, sequence was empty.");
}

Value Last(Runtime& runtime, const Value& input, const Arguments&) {
  Require(LengthOf(runtime, input).has_value(), "'{}' object is not reversible", input.type_name());
  Values items = Collect(runtime, input);
  return items.empty() ? runtime.Undefined("No last item, sequence was empty.") : items.back();
}

Value ListFilter(Runtime& runtime, const Value& input, const Arguments&) {
  return runtime.List(Collect(runtime, input));
}

Value Items(Runtime& runtime, const Value& input, const Arguments&) {
  if (input.is_undefined()) return runtime.List({});
  Require(input.dict() != nullptr, "Can only get item pairs from a mapping.");
  // Shared, because a std::function must be copyable.
  const std::shared_ptr<Iterator> items = DictView(runtime, input, DictView::Part::kItems).Iterate(runtime);
  return runtime.Make<Generator>("do_items", input.depth(), [items](Value& item) { return items->Next(item); });
}

Value Default(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("default", arguments, {"default_value", "boolean"});
  const bool falsy = parameters.Flag(runtime, 1, false) && !Truth(runtime, input);
  if (input.is_undefined() || falsy) return parameters.Or(0, runtime.String(""));
  return input;
}

Value Attr(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("attr", arguments, {"name"}, 1);
  RequireDefined(input);
  const std::string name = Str(runtime, parameters[0]);
  const bool has_attributes = input.dict() == nullptr;  // `attr` never looks at items
  Value found = has_attributes ? GetAttribute(runtime, input, name) : runtime.Undefined("");
  if (!has_attributes) {
    const Value method = GetAttribute(runtime, runtime.Dict({}), name);
    found = method.is_undefined() ? method : GetAttribute(runtime, input, name);
  }
  return found;
}

Value Reverse(Runtime& runtime, const Value& input, const Arguments&) {
  if (input.is_string()) return GetSlice(runtime, input, {{}, {}, -1});
  Values items = Collect(runtime, input);
  std::reverse(items.begin(), items.end());
  if (!LengthOf(runtime, input)) return runtime.List(std::move(items));
  const Value list = runtime.List(std::move(items));
  return runtime.Make<Generator>("reverse", list.depth(), [list, next = size_t{0}](Value& item) mutable {
    if (next == list.list()->items.size()) return false;
    item = list.list()->items[next++];
    return true;
  });
}

Value Batch(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("batch", arguments, {"linecount", "fill_with"}, 1);
  const Int size = parameters.Count(0, 1);
  const bool fills = parameters.given(1) && !parameters[1].is_none();
  Values rows, row;
  const auto iterator = Iterate(runtime, input);
  for (Value item; iterator->Next(item);) {
    runtime.budget().Step();
    if (static_cast<Int>(row.size()) == size) rows.push_back(runtime.List(std::exchange(row, {})));
    row.push_back(std::move(item));
  }
  if (!row.empty()) {
    const Int missing = size - static_cast<Int>(row.size());
    if (fills && missing > 0) {
      Require(missing <= 1'000'000, "batch: more than 1000000 items to fill in");
      row.insert(row.end(), static_cast<size_t>(missing), parameters[1]);
    }
    rows.push_back(runtime.List(std::move(row)));
  }
  return runtime.List(std::move(rows));
}

Value SliceFilter(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const Parameters parameters("slice", arguments, {"slices", "fill_with"}, 1);
  const Int wanted = parameters.Count(0, 1);
  Require(wanted > 0 && wanted <= 100'000, "slice: the number of slices must be from 1 to 100000");
  const bool fills = parameters.given(1) && !parameters[1].is_none();
  const Values items = Collect(runtime, input);
  const auto slices = static_cast<size_t>(wanted);
  const size_t each = items.size() / slices, longer = items.size() % slices;
  Values rows;
  size_t next = 0;
  for (size_t i = 0; i < slices; ++i) {
    runtime.budget().Step();
    const size_t end = next + each + (i < longer ? 1 : 0);
    Values row(items.begin() + static_cast<ptrdiff_t>(next), items.begin() + static_cast<ptrdiff_t>(end));
    if (fills && i >= longer && longer > 0) row.push_back(parameters[1]);
    if (fills && longer == 0) row.push_back(parameters[1]);
    rows.push_back(runtime.List(std::move(row)));
    next = end;
  }
  return runtime.List(std::move(rows));
}

Value Random(Runtime&, const Value&, const Arguments&) {
  Fail("the filter 'random' is refused: the same conversation must give the same prompt");
}

constexpr NamedFunction kFilters[] = {
    {"length", LengthFilter}, {"count", LengthFilter}, {"first", First},   {"last", Last}, {"list", ListFilter},
    {"items", Items},         {"default", Default},    {"d", Default},     {"attr", Attr}, {"reverse", Reverse},
    {"batch", Batch},         {"slice", SliceFilter},  {"random", Random},
};

}  // namespace

std::optional<NativeFunction> FindSequenceFilter(std::string_view name) {
  for (const NamedFunction& entry : kFilters)
    if (entry.name == name) return entry.function;
  return std::nullopt;
}

}  // namespace tessera::text::jinja
