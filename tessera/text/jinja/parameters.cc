#include "tessera/text/jinja/parameters.h"

#include <algorithm>

#include "tessera/core/error.h"
#include "tessera/text/jinja/compare.h"

namespace tessera::text::jinja {

Parameters::Parameters(std::string_view function, const Arguments& arguments,
                       std::initializer_list<std::string_view> names, size_t required)
    : function_(function), values_(names.size(), nullptr) {
  Require(arguments.positional.size() <= names.size(), "{}() takes at most {} arguments, got {}", function,
          names.size(), arguments.positional.size());
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [key, value] : arguments.keyword) {
    const auto found = std::find(names.begin(), names.end(), key);
    Require(found != names.end(), "{}() got an unexpected keyword argument '{}'", function, key);
    const auto place = static_cast<size_t>(found - names.begin());
    Require(values_[place] == nullptr, "{}() got multiple values for argument '{}'", function, key);
    values_[place] = &value;
  }
  for (size_t i = 0; i < required; ++i)
    Require(values_[i] != nullptr, "{}() needs its argument '{}'", function, names.begin()[i]);
}

bool Parameters::Flag(Runtime& runtime, size_t i, bool otherwise) const {
  return given(i) ? Truth(runtime, (*this)[i]) : otherwise;
}

Int Parameters::Integer(size_t i, Int otherwise) const {
  if (!given(i)) return otherwise;
  RequireDefined((*this)[i]);
  Require((*this)[i].is_integer(), "{}(): '{}' object cannot be interpreted as an integer", function_,
          (*this)[i].type_name());
  return (*this)[i].integer();
}

std::string_view Parameters::Text(size_t i, std::string_view otherwise) const {
  if (!given(i)) return otherwise;
  RequireDefined((*this)[i]);
  Require((*this)[i].is_string(), "{}() needs a string, got {}", function_, (*this)[i].type_name());
  return (*this)[i].text();
}

std::string Native::Repr(Runtime&) const { return fmt::format("<built-in method {}>", name_); }

}  // namespace tessera::text::jinja
