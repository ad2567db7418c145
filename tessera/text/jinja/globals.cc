// The functions that every template can call.

#include "tessera/core/error.h"
#include "tessera/text/chat_template.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/objects.h"
#include "tessera/text/jinja/parameters.h"
#include "tessera/text/jinja/print.h"
#include "tessera/text/jinja/strftime.h"

namespace tessera::text::jinja {
namespace {

constexpr Int kMaxRange = 100'000;  // the sandbox of jinja2 has the same

Value MakeRange(Runtime&, Int start, Int stop, Int step);

Value RangeFunction(Runtime& runtime, const Value&, const Arguments& arguments) {
  const Parameters parameters("range", arguments, {"start", "stop", "step"}, 1);
  const bool from_zero = !parameters.given(1);
  const Int start = from_zero ? Int{0} : parameters.Integer(0, 0);
  const Int stop = parameters.Integer(from_zero ? 0 : 1, 0);
  return MakeRange(runtime, start, stop, parameters.Integer(2, 1));
}

Value MakeRange(Runtime& runtime, Int start, Int stop, Int step) {
  constexpr Int kEnd = Int{1} << 100;  // far from overflow
  Require(step != 0, "range() arg 3 must not be zero");
  Require(start < kEnd && start > -kEnd && stop < kEnd && stop > -kEnd && step < kEnd && step > -kEnd,
          "Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", IntegerText(kMaxRange));
  Value range = runtime.Make<Range>(start, stop, step);
  Require(RequireLength(runtime, range) <= kMaxRange,
          "Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", IntegerText(kMaxRange));
  return range;
}

// The entries that dict(…) and namespace(…) take: one mapping or list of pairs, then keywords.
DictBody::Entries EntriesOf(Runtime& runtime, std::string_view function, const Arguments& arguments) {
  Require(arguments.positional.size() <= 1, "{} expected at most 1 argument, got {}", function,
          arguments.positional.size());
  DictBody::Entries entries;
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.dict() != nullptr) {
      entries = source.dict()->entries;
    } else {
      for (const Value& item : Collect(runtime, source)) {
        const Values pair = Collect(runtime, item);
        Require(pair.size() == 2, "dictionary update sequence element has length {}; 2 is required", pair.size());
        entries.emplace_back(pair[0], pair[1]);
      }
    }
  }
  for (const auto& [key, value] : arguments.keyword) entries.emplace_back(runtime.String(key), value);
  return entries;
}

Value DictFunction(Runtime& runtime, const Value&, const Arguments& arguments) {
  return runtime.Dict(EntriesOf(runtime, "dict", arguments));
}

Value NamespaceFunction(Runtime& runtime, const Value&, const Arguments& arguments) {
  Value space = runtime.Keep<Namespace>();
  const auto entries = EntriesOf(runtime, "namespace", arguments);
  for (const auto& [key, value] : entries)
    if (key.is_string()) static_cast<Namespace*>(space.object())->Set(runtime, key.text(), value);
  return space;
}

Value CyclerFunction(Runtime& runtime, const Value&, const Arguments& arguments) {
  Require(!arguments.positional.empty(), "at least one item has to be provided");
  return runtime.Keep<Cycler>(arguments.positional);
}

Value JoinerFunction(Runtime& runtime, const Value&, const Arguments& arguments) {
  const Parameters parameters("joiner", arguments, {"sep"});
  return runtime.Make<Joiner>(parameters.Or(0, runtime.String(", ")));
}

Value RaiseException(Runtime& runtime, const Value&, const Arguments& arguments) {
  const Parameters parameters("raise_exception", arguments, {"message"}, 1);
  throw TemplateException(Str(runtime, parameters[0]), runtime.line);
}

Value StrftimeNow(Runtime& runtime, const Value&, const Arguments& arguments) {
  const Parameters parameters("strftime_now", arguments, {"format"}, 1);
  return runtime.String(FormatTime(runtime.now(), parameters.Text(0, "")));
}

constexpr NamedFunction kGlobals[] = {
    {"range", RangeFunction},      {"dict", DictFunction},     {"namespace", NamespaceFunction},
    {"cycler", CyclerFunction},    {"joiner", JoinerFunction}, {"raise_exception", RaiseException},
    {"strftime_now", StrftimeNow},
};

}  // namespace

std::optional<Value> FindGlobal(Runtime& runtime, std::string_view name) {
  for (const NamedFunction& entry : kGlobals)
    if (entry.name == name) return runtime.Make<Native>(name, entry.function, Value());
  return std::nullopt;
}

}  // namespace tessera::text::jinja
