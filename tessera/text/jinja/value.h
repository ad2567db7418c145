#pragma once
// The values of a template: Python's, as far as templates see them. They are immutable; only namespaces change.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tessera/text/jinja/budget.h"

namespace tessera::text::jinja {

__extension__ typedef __int128 Int;  // wide enough for every JSON number; what leaves it is an Error

class Object;
struct StringBody;
struct ListBody;
struct DictBody;
struct UndefinedBody;

class Value {
 public:
  struct None {};

  Value() : data_(None{}) {}
  Value(bool value) : data_(value) {}      // NOLINT(google-explicit-constructor)
  Value(int value) : data_(Int{value}) {}  // NOLINT(google-explicit-constructor)
  Value(Int value) : data_(value) {}       // NOLINT(google-explicit-constructor)
  Value(double value) : data_(value) {}    // NOLINT(google-explicit-constructor)
  explicit Value(std::shared_ptr<const StringBody> body) : data_(std::move(body)) {}
  explicit Value(std::shared_ptr<const ListBody> body) : data_(std::move(body)) {}
  explicit Value(std::shared_ptr<const DictBody> body) : data_(std::move(body)) {}
  explicit Value(std::shared_ptr<const UndefinedBody> body) : data_(std::move(body)) {}
  explicit Value(std::shared_ptr<Object> object) : data_(std::move(object)) {}
  Value(const char*) = delete;

  // A string outside every budget: the constants of a template.
  static Value Constant(std::string text);

  bool is_none() const { return std::holds_alternative<None>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_integer() const { return is_bool() || std::holds_alternative<Int>(data_); }
  bool is_float() const { return std::holds_alternative<double>(data_); }
  bool is_number() const { return is_integer() || is_float(); }
  bool is_string() const { return string() != nullptr; }
  bool is_undefined() const { return undefined() != nullptr; }
  bool is_tuple() const;
  bool is_markup() const;  // a string that `safe` or `escape` made

  bool boolean() const { return std::get<bool>(data_); }
  Int integer() const { return is_bool() ? Int{boolean()} : std::get<Int>(data_); }  // needs is_integer()
  double floating() const;                                                           // needs is_number()
  std::string_view text() const;                                                     // needs is_string()

  const StringBody* string() const { return Pointer<std::shared_ptr<const StringBody>>(); }
  const ListBody* list() const { return Pointer<std::shared_ptr<const ListBody>>(); }  // a list or a tuple
  const DictBody* dict() const { return Pointer<std::shared_ptr<const DictBody>>(); }
  const UndefinedBody* undefined() const { return Pointer<std::shared_ptr<const UndefinedBody>>(); }
  Object* object() const { return Pointer<std::shared_ptr<Object>>(); }
  size_t weight() const { return list() == nullptr ? 1 : ListWeight(); }
  const void* identity() const;  // the body's address; null for plain values

  std::string_view type_name() const;  // Python's name: "str", "int", "NoneType", …
  int depth() const;                   // 0 for plain values, else 1 + the deepest inside

 private:
  size_t ListWeight() const;

  template <typename P>
  auto Pointer() const -> decltype(std::declval<P>().get()) {
    const P* pointer = std::get_if<P>(&data_);
    return pointer == nullptr ? nullptr : pointer->get();
  }

  std::variant<None, bool, Int, double, std::shared_ptr<const StringBody>, std::shared_ptr<const ListBody>,
               std::shared_ptr<const DictBody>, std::shared_ptr<const UndefinedBody>, std::shared_ptr<Object>>
      data_;
};

using Values = std::vector<Value>;

struct StringBody {
  StringBody(Budget* budget, std::string content, bool is_markup);
  std::string text;  // UTF-8
  bool markup;
  size_t length;  // code points; equal to text.size() exactly if the text is ASCII
  Charge charge;
};

struct ListBody {
  ListBody(Budget* budget, Values content, bool is_tuple);
  Values items;
  bool tuple;
  int depth;
  size_t weight;  // plain values inside, counted as often as they are printed
  Charge charge;
};

// The order of keys inside a dictionary's index: equal keys of Python are equal, the rest is arbitrary but total.
struct KeyLess {
  bool operator()(const Value& a, const Value& b) const;
};

struct DictBody {
  using Entries = std::vector<std::pair<Value, Value>>;
  DictBody(Budget* budget, Entries content);  // a key that stands twice keeps its first place and its last value
  const Value* Find(const Value& key) const;  // null if absent
  const Value* Find(std::string_view key) const;
  Entries entries;
  std::map<Value, size_t, KeyLess> index;  // only for dictionaries that are worth it
  int depth = 0;
  Charge charge;
};

// An undefined value remembers what to say when somebody uses it.
struct UndefinedBody {
  std::string message;
};

// Everything else: functions, macros, loops, ranges, generators, namespaces.
class Runtime;
class Iterator;
struct Arguments;

class Object {
 public:
  virtual ~Object() = default;
  virtual std::string_view type_name() const = 0;
  virtual int depth() const { return 1; }
  virtual bool truth() const { return true; }
  virtual bool callable() const { return false; }
  virtual std::string Repr(Runtime& runtime) const;
  virtual std::optional<Value> Attribute(Runtime& runtime, std::string_view name);
  virtual std::optional<Value> Item(Runtime& runtime, const Value& key);
  virtual std::optional<Int> Length(Runtime& runtime);
  virtual std::unique_ptr<Iterator> Iterate(Runtime& runtime);  // null if it cannot be iterated
  virtual Value Call(Runtime& runtime, const Arguments& arguments);
};

class Iterator {
 public:
  virtual ~Iterator() = default;
  virtual bool Next(Value& item) = 0;  // false at the end
};

struct Arguments {
  Values positional;
  std::vector<std::pair<std::string, Value>> keyword;

  const Value* Keyword(std::string_view name) const;
};

}  // namespace tessera::text::jinja
