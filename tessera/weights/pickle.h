#pragma once
// The part of Python's pickle format (protocols 2 to 4) that checkpoints of tensors use, read into plain data. Nothing
// that a pickle names is ever called.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::weights {

struct PickleValue {
  enum class Kind : uint8_t {
    kOther,     // anything that is built in another way: it holds nothing
    kNumber,    // a whole number or a bool
    kText,      // a text
    kSequence,  // a tuple or a list
    kDict,      // keys and values in turn
    kGlobal,    // text: "module name"
    kCall,      // items: the callable and its arguments, eight at most
    kStorage    // items: what the persistent id holds, eight at most
  };
  Kind kind = Kind::kOther;
  int64_t number = 0;
  std::string text;
  std::vector<uint32_t> items;  // places in Pickle::values
};

struct Pickle {
  std::vector<PickleValue> values;
  uint32_t root = 0;

  const PickleValue& at(uint32_t place) const { return values[place]; }
};

// Throws Error "where: …" for an instruction that is not known, a stack that does not fit, more than 8 MiB, or more
// than 2^18 values.
Pickle ReadPickle(std::string_view bytes, std::string_view where);

}  // namespace tessera::weights
