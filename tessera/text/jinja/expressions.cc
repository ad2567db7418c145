// The half of Evaluator that turns expressions into values.

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/evaluator.h"
#include "tessera/text/jinja/filters.h"
#include "tessera/text/jinja/objects.h"
#include "tessera/text/jinja/print.h"

namespace tessera::text::jinja {

Value Evaluator::Evaluate(const Expression& expression) {
  const DepthGuard guard(runtime_);
  runtime_.budget().Step();
  runtime_.line = expression.line;
  return std::visit([&](const auto& node) { return Of(node); }, expression.node);
}

Arguments Evaluator::EvaluateArguments(const CallSyntax& call) {
  Arguments arguments;
  for (const auto& value : call.positional) arguments.positional.push_back(Evaluate(*value));
  for (const auto& [name, value] : call.keyword) arguments.keyword.emplace_back(name, Evaluate(*value));
  if (call.star != nullptr)
    for (Value& item : Collect(runtime_, Evaluate(*call.star))) arguments.positional.push_back(std::move(item));
  if (call.double_star != nullptr) {
    const Value mapping = Evaluate(*call.double_star);
    Require(mapping.dict() != nullptr, "argument after ** must be a mapping, not {}", mapping.type_name());
    for (const auto& [key, value] : mapping.dict()->entries) {
      Require(key.is_string(), "keywords must be strings");
      Require(arguments.Keyword(key.text()) == nullptr, "got multiple values for keyword argument '{}'", key.text());
      arguments.keyword.emplace_back(key.text(), value);
    }
  }
  return arguments;
}

Value Evaluator::CallWith(const CallOf& call, const Value* caller) {
  const Value callee = Evaluate(*call.callee);
  Arguments arguments = EvaluateArguments(call.call);
  if (caller != nullptr) arguments.keyword.emplace_back("caller", *caller);
  return CallValue(runtime_, callee, arguments);
}

bool Evaluator::Compare(Comparator comparator, const Value& a, const Value& b) {
  switch (comparator) {
    case Comparator::kEqual:
      return Equal(runtime_, a, b);
    case Comparator::kNotEqual:
      return !Equal(runtime_, a, b);
    case Comparator::kLess:
      return Ordered(runtime_, Order::kLess, a, b);
    case Comparator::kLessEqual:
      return Ordered(runtime_, Order::kLessEqual, a, b);
    case Comparator::kGreater:
      return Ordered(runtime_, Order::kGreater, a, b);
    case Comparator::kGreaterEqual:
      return Ordered(runtime_, Order::kGreaterEqual, a, b);
    case Comparator::kIn:
      return Contains(runtime_, b, a);
    case Comparator::kNotIn:
      return !Contains(runtime_, b, a);
  }
  return false;
}

Value Evaluator::Of(const Literal& node) { return node.value; }

Value Evaluator::Of(const NameLoad& node) {
  if (const Value* found = scope_->Find(node.name)) return *found;
  if (auto global = FindGlobal(runtime_, node.name)) return *global;
  return runtime_.Undefined(fmt::format("'{}' is undefined", node.name));
}

Value Evaluator::Of(const ListDisplay& node) {
  Values items;
  items.reserve(node.items.size());
  for (const auto& item : node.items) items.push_back(Evaluate(*item));
  return node.tuple ? runtime_.Tuple(std::move(items)) : runtime_.List(std::move(items));
}

Value Evaluator::Of(const DictDisplay& node) {
  DictBody::Entries entries;
  entries.reserve(node.entries.size());
  for (const auto& [key, value] : node.entries) {
    Value name = Evaluate(*key);
    entries.emplace_back(std::move(name), Evaluate(*value));
  }
  return runtime_.Dict(std::move(entries));
}

Value Evaluator::Of(const AttributeOf& node) { return GetAttribute(runtime_, Evaluate(*node.object), node.name); }

Value Evaluator::Of(const ItemOf& node) {
  const Value object = Evaluate(*node.object);
  return GetItem(runtime_, object, Evaluate(*node.key));
}

Value Evaluator::Of(const SliceOf& node) {
  const Value object = Evaluate(*node.object);
  const auto bound = [&](const ExpressionPtr& expression) {
    return expression == nullptr ? Value() : Evaluate(*expression);
  };
  const Value start = bound(node.start), stop = bound(node.stop);
  return GetSlice(runtime_, object, {start, stop, bound(node.step)});
}

Value Evaluator::Of(const CallOf& node) { return CallWith(node, nullptr); }

Value Evaluator::Of(const Piped&) { return piped_; }

Value Evaluator::Of(const FilterOf& node) {
  const Value input = Evaluate(*node.input);
  const Arguments arguments = EvaluateArguments(node.call);
  return CallFilter(runtime_, node.name, input, arguments);
}

Value Evaluator::Of(const TestOf& node) {
  const Value input = Evaluate(*node.input);
  const Arguments arguments = EvaluateArguments(node.call);
  return CallTest(runtime_, node.name, input, arguments);
}

Value Evaluator::Of(const Unary& node) {
  const Value operand = Evaluate(*node.operand);
  switch (node.sign) {
    case Sign::kMinus:
      return Negate(operand);
    case Sign::kPlus:
      return Plus(operand);
    case Sign::kNot:
      return !Truth(runtime_, operand);
  }
  return {};
}

Value Evaluator::Of(const Binary& node) {
  const Value left = Evaluate(*node.left);
  return Calculate(runtime_, node.operation, left, Evaluate(*node.right));
}

Value Evaluator::Of(const Concatenation& node) {
  TextBuilder text(runtime_.budget());
  std::string storage;
  for (const auto& part : node.parts) {
    const Value value = Evaluate(*part);
    text.Append(TextOf(runtime_, value, storage));
  }
  return runtime_.String(text.Finish());
}

Value Evaluator::Of(const Logical& node) {
  Value left = Evaluate(*node.left);
  if (Truth(runtime_, left) != node.is_and) return left;
  return Evaluate(*node.right);
}

Value Evaluator::Of(const Comparison& node) {
  Value left = Evaluate(*node.first);
  for (const auto& [comparator, operand] : node.rest) {
    Value right = Evaluate(*operand);
    if (!Compare(comparator, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Evaluator::Of(const Conditional& node) {
  const int line = runtime_.line;
  if (Truth(runtime_, Evaluate(*node.condition))) return Evaluate(*node.then);
  if (node.otherwise != nullptr) return Evaluate(*node.otherwise);
  return runtime_.Undefined(
      fmt::format("the inline if-expression on line {} evaluated to false and no else section was defined.", line));
}

}  // namespace tessera::text::jinja
