#pragma once
// A parsed template: expressions and statements as plain data. Immutable after parsing and shared by renderings.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tessera/text/jinja/arithmetic.h"
#include "tessera/text/jinja/value.h"

namespace tessera::text::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;
using ExpressionList = std::vector<ExpressionPtr>;

// (a, b, name=c, *star, **double_star)
struct CallSyntax {
  ExpressionList positional;
  std::vector<std::pair<std::string, ExpressionPtr>> keyword;
  ExpressionPtr star, double_star;
};

struct Literal {
  Value value;
};
struct NameLoad {
  std::string name;
};
struct ListDisplay {
  ExpressionList items;
  bool tuple;
};
struct DictDisplay {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
struct AttributeOf {
  ExpressionPtr object;
  std::string name;
};
struct ItemOf {
  ExpressionPtr object, key;
};
struct SliceOf {
  ExpressionPtr object, start, stop, step;
};
struct CallOf {
  ExpressionPtr callee;
  CallSyntax call;
};
struct Piped {};  // what a filter block or a block set captured
struct FilterOf {
  ExpressionPtr input;
  std::string name;
  CallSyntax call;
};
struct TestOf {
  ExpressionPtr input;
  std::string name;
  CallSyntax call;
};
enum class Sign { kMinus, kPlus, kNot };
struct Unary {
  Sign sign;
  ExpressionPtr operand;
};
struct Binary {
  Operation operation;
  ExpressionPtr left, right;
};
struct Concatenation {
  ExpressionList parts;
};
struct Logical {
  bool is_and;
  ExpressionPtr left, right;
};
enum class Comparator { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };
struct Comparison {
  ExpressionPtr first;
  std::vector<std::pair<Comparator, ExpressionPtr>> rest;
};
struct Conditional {
  ExpressionPtr condition, then, otherwise;
};  // `otherwise` may be null

struct Expression {
  using Node = std::variant<Literal, NameLoad, ListDisplay, DictDisplay, AttributeOf, ItemOf, SliceOf, CallOf, Piped,
                            FilterOf, TestOf, Unary, Binary, Concatenation, Logical, Comparison, Conditional>;
  Node node;
  int line;
  int depth;  // of the tree below; freeing it recurses
};

// 1 + the depth of the deepest child.
int DepthOf(const Expression::Node& node);

struct Statement;
using Body = std::vector<std::unique_ptr<const Statement>>;

// Where an assignment goes: a name, an attribute of a namespace, or several targets.
struct Target {
  std::string name, attribute;  // attribute: empty for a plain name
  std::vector<Target> parts;
  bool is_tuple = false;
};

struct Signature {
  std::vector<std::string> names;
  ExpressionList defaults;  // of the last names
};

struct MacroBody {
  std::string name;
  Signature signature;
  Body body;
  bool uses_caller = false, uses_varargs = false, uses_kwargs = false;
};

struct Text {
  std::string text;
};
struct Output {
  ExpressionPtr value;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body otherwise;
};
struct For {
  Target target;
  ExpressionPtr items, filter;
  Body body, otherwise;
  bool recursive;
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct SetBlock {
  Target target;
  ExpressionPtr filter;
  Body body;
};  // `filter` may be null
struct MacroDefinition {
  MacroBody macro;
};
struct CallBlock {
  ExpressionPtr call;
  MacroBody caller;
};
struct FilterBlock {
  ExpressionPtr filter;
  Body body;
};
struct With {
  std::vector<std::pair<Target, ExpressionPtr>> values;
  Body body;
};
struct Scoped {
  Body body;
};  // {% generation %}
struct BlockStatement {
  std::string name;
  bool scoped;
  Body body;
};
enum class Jump { kBreak, kContinue };
struct JumpStatement {
  Jump jump;
};

struct Statement {
  using Node = std::variant<Text, Output, If, For, Set, SetBlock, MacroDefinition, CallBlock, FilterBlock, With, Scoped,
                            BlockStatement, JumpStatement>;
  Node node;
  int line;
};

}  // namespace tessera::text::jinja
