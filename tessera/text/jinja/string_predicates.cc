// Methods of strings that judge: isdigit, isupper and their like.

#include "tessera/text/jinja/methods.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

template <typename Test>
bool AllCodePoints(std::string_view text, Test test) {
  for (size_t position = 0; position < text.size();)
    if (!test(NextCodePoint(text, position))) return false;
  return !text.empty();
}

template <bool (*Test)(char32_t)>
Value All(Runtime&, const Value& self, const Arguments& arguments) {
  const Parameters parameters("str method", arguments, {});
  return AllCodePoints(self.text(), Test);
}

bool IsAlphanumeric(char32_t c) { return IsAlphabetic(c) || IsDecimal(c) || IsDigit(c) || IsNumeric(c); }

Value IsAscii(Runtime&, const Value& self, const Arguments&) {
  return self.text().empty() || AllCodePoints(self.text(), [](char32_t c) { return c < 0x80; });
}

Value IsPrintableText(Runtime&, const Value& self, const Arguments&) {
  return self.text().empty() || AllCodePoints(self.text(), IsPrintable);
}

Value IsIdentifier(Runtime&, const Value& self, const Arguments&) {
  if (self.text().empty()) return false;
  size_t position = 0;
  const char32_t first = NextCodePoint(self.text(), position);
  return (first == '_' || IsAlphabetic(first)) && AllCodePoints(self.text(), IsWordCharacter);
}

template <bool (*Wanted)(char32_t), bool (*Refused)(char32_t)>
Value HasOneCase(Runtime&, const Value& self, const Arguments&) {
  bool found = false;
  for (size_t position = 0; position < self.text().size();) {
    const char32_t c = NextCodePoint(self.text(), position);
    if (Refused(c)) return false;
    found |= Wanted(c);
  }
  return found;
}

Value IsTitle(Runtime&, const Value& self, const Arguments&) {
  bool cased = false, found = false;
  for (size_t position = 0; position < self.text().size();) {
    const char32_t c = NextCodePoint(self.text(), position);
    if (IsLower(c) ? !cased : IsCased(c) && cased) return false;
    cased = IsCased(c);
    found |= cased;
  }
  return found;
}

constexpr NamedFunction kMethods[] = {
    {"isalnum", All<IsAlphanumeric>},
    {"isalpha", All<IsAlphabetic>},
    {"isascii", IsAscii},
    {"isdecimal", All<IsDecimal>},
    {"isdigit", All<IsDigit>},
    {"isidentifier", IsIdentifier},
    {"islower", HasOneCase<IsLower, IsUpper>},
    {"isnumeric", All<IsNumeric>},
    {"isprintable", IsPrintableText},
    {"isspace", All<IsSpace>},
    {"istitle", IsTitle},
    {"isupper", HasOneCase<IsUpper, IsLower>},
};

}  // namespace

std::optional<NativeFunction> FindStringPredicate(std::string_view name) { return FindIn(kMethods, name); }

}  // namespace tessera::text::jinja
