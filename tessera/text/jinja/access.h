#pragma once
// Looking into values: attributes, items, slices, iteration, length.

#include <memory>
#include <optional>

#include "tessera/text/jinja/runtime.h"

namespace tessera::text::jinja {

// value.name, with the rules of the sandbox: names that begin with _ and methods that change lists or dictionaries are
// hidden. What does not exist is undefined.
Value GetAttribute(Runtime& runtime, const Value& value, std::string_view name);
Value GetItem(Runtime& runtime, const Value& value, const Value& key);  // value[key], else value.key

struct SliceBounds {
  Value start, stop, step;  // none where not given
};
Value GetSlice(Runtime& runtime, const Value& value, const SliceBounds& bounds);

// The items of a value. Throws Error "'int' object is not iterable"; an undefined value has no items.
std::unique_ptr<Iterator> Iterate(Runtime& runtime, const Value& value);
bool IsIterable(Runtime& runtime, const Value& value);
Values Collect(Runtime& runtime, const Value& value);

std::optional<Int> LengthOf(Runtime& runtime, const Value& value);  // nothing for values without a length
Int RequireLength(Runtime& runtime, const Value& value);

// Calls `callee`; throws Error if it is no function.
Value CallValue(Runtime& runtime, const Value& callee, const Arguments& arguments);

// A string of one code point for each of the text.
Values Characters(Runtime& runtime, std::string_view text);

}  // namespace tessera::text::jinja
