#include "tessera/text/jinja/filters.h"

#include <charconv>

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"

namespace tessera::text::jinja {
namespace {

using Find = std::optional<NativeFunction> (*)(std::string_view);

constexpr Find kPieces[] = {FindTextFilter,   FindLayoutFilter, FindNumberFilter, FindSequenceFilter,
                            FindSelectFilter, FindOrderFilter,  FindMarkupFilter};

std::optional<NativeFunction> FindFilter(std::string_view name) {
  for (const Find find : kPieces)
    if (auto function = find(name)) return function;
  return std::nullopt;
}

Value LookUpPart(Runtime& runtime, const Value& value, std::string_view part) {
  int64_t index = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  const bool is_index = error == std::errc() && end == part.data() + part.size() && part[0] != '-';
  return GetItem(runtime, value, is_index ? Value(Int{index}) : runtime.String(std::string(part)));
}

}  // namespace

bool IsFilterName(std::string_view name) { return FindFilter(name).has_value(); }

Value CallFilter(Runtime& runtime, std::string_view name, const Value& input, const Arguments& arguments) {
  const auto function = FindFilter(name);
  Require(function.has_value(), "No filter named '{}'.", name);
  const DepthGuard guard(runtime);
  runtime.budget().Step();
  return (*function)(runtime, input, arguments);
}

Value LookUpPath(Runtime& runtime, const Value& value, const Value& path) {
  if (!path.is_string()) return GetItem(runtime, value, path);
  Value found = value;
  std::string_view rest = path.text();
  while (true) {
    const size_t dot = rest.find('.');
    found = LookUpPart(runtime, found, rest.substr(0, dot));
    if (dot == std::string_view::npos) return found;
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace tessera::text::jinja
