// Filters that map or select items one by one, on demand: map, select, reject, selectattr, rejectattr.

#include <functional>

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/filters.h"
#include "tessera/text/jinja/objects.h"

namespace tessera::text::jinja {
namespace {

int DepthOf(const Value& input, const Arguments& arguments) {
  int depth = input.depth();
  for (const Value& value : arguments.positional) depth = std::max(depth, value.depth());
  for (const auto& [name, value] : arguments.keyword) depth = std::max(depth, value.depth());
  return depth;
}

Arguments WithoutFirst(const Arguments& arguments, size_t count) {
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(), rest.positional.begin() + static_cast<ptrdiff_t>(count));
  return rest;
}

std::string NameFrom(const Value& value) {
  Require(value.is_string(), "the name of a filter or test must be a string, got {}", value.type_name());
  return std::string(value.text());
}

// The items of `input`, each given to `visit`, which changes it or refuses it.
Value Generate(Runtime& runtime, std::string_view name, const Value& input, int depth,
               std::function<bool(Value&)> visit) {
  std::shared_ptr<Iterator> iterator;
  return runtime.Make<Generator>(name, depth,
                                 [&runtime, input, iterator, visit = std::move(visit)](Value& item) mutable {
                                   if (iterator == nullptr) iterator = Iterate(runtime, input);
                                   while (iterator->Next(item)) {
                                     runtime.budget().Step();
                                     if (visit(item)) return true;
                                   }
                                   return false;
                                 });
}

Value Map(Runtime& runtime, const Value& input, const Arguments& arguments) {
  const int depth = DepthOf(input, arguments);
  const Value* attribute = arguments.Keyword("attribute");
  if (arguments.positional.empty() && attribute != nullptr) {
    const Value* otherwise = arguments.Keyword("default");
    const bool has_default = otherwise != nullptr && !otherwise->is_none();
    for (const auto& [name, value] : arguments.keyword)
      Require(name == "attribute" || name == "default", "Unexpected keyword argument '{}'", name);
    return Generate(
        runtime, "sync_do_map", input, depth,
        [&runtime, path = *attribute, has_default, fallback = has_default ? *otherwise : Value()](Value& item) {
          item = LookUpPath(runtime, item, path);
          if (has_default && item.is_undefined()) item = fallback;
          return true;
        });
  }
  Require(!arguments.positional.empty(), "map requires a filter argument");
  return Generate(runtime, "sync_do_map", input, depth,
                  [&runtime, name = NameFrom(arguments.positional[0]), rest = WithoutFirst(arguments, 1)](Value& item) {
                    item = CallFilter(runtime, name, item, rest);
                    return true;
                  });
}

struct Selection {
  bool wanted;  // keep items that pass, or those that fail
  bool by_attribute;
};

Value SelectItems(Runtime& runtime, const Value& input, const Arguments& arguments, Selection selection) {
  const size_t place = selection.by_attribute ? 1 : 0;
  Require(arguments.positional.size() >= place, "Missing parameter for attribute name");
  const Value path = selection.by_attribute ? arguments.positional[0] : Value();
  const bool has_test = arguments.positional.size() > place;
  const std::string test = has_test ? NameFrom(arguments.positional[place]) : "";
  Require(!has_test || IsTestName(test), "No test named '{}'.", test);
  return Generate(
      runtime, "select_or_reject", input, DepthOf(input, arguments),
      [&runtime, selection, path, test, rest = WithoutFirst(arguments, has_test ? place + 1 : place)](Value& item) {
        const Value judged = selection.by_attribute ? LookUpPath(runtime, item, path) : item;
        const bool passes = test.empty() ? Truth(runtime, judged) : CallTest(runtime, test, judged, rest);
        return passes == selection.wanted;
      });
}

Value Select(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return SelectItems(runtime, input, arguments, {.wanted = true, .by_attribute = false});
}

Value Reject(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return SelectItems(runtime, input, arguments, {.wanted = false, .by_attribute = false});
}

Value SelectAttr(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return SelectItems(runtime, input, arguments, {.wanted = true, .by_attribute = true});
}

Value RejectAttr(Runtime& runtime, const Value& input, const Arguments& arguments) {
  return SelectItems(runtime, input, arguments, {.wanted = false, .by_attribute = true});
}

constexpr NamedFunction kFilters[] = {
    {"map", Map}, {"select", Select}, {"reject", Reject}, {"selectattr", SelectAttr}, {"rejectattr", RejectAttr}};

}  // namespace

std::optional<NativeFunction> FindSelectFilter(std::string_view name) {
  for (const NamedFunction& entry : kFilters)
    if (entry.name == name) return entry.function;
  return std::nullopt;
}

}  // namespace tessera::text::jinja
