#pragma once
// Walks the tree of a template: expressions to values, statements to text.

#include <memory>

#include "tessera/text/jinja/ast.h"
#include "tessera/text/jinja/runtime.h"
#include "tessera/text/jinja/scope.h"

namespace tessera::text::jinja {

class Loop;

class Evaluator {
 public:
  Evaluator(Runtime& runtime, std::shared_ptr<Scope> root);

  std::string Render(const Body& body);

  Runtime& runtime() { return runtime_; }
  Value Evaluate(const Expression& expression);
  void Assign(const Target& target, const Value& value);

  // Runs `work()` with another scope in place.
  template <typename Work>
  decltype(auto) InScope(std::shared_ptr<Scope> scope, Work&& work);
  // The text that `work()` writes.
  template <typename Work>
  std::string Capture(Work&& work);

  Value CallMacro(const MacroBody& macro, const std::shared_ptr<Scope>& scope, const Arguments& arguments);
  void RunLoop(const For& node, const std::shared_ptr<Scope>& outer, const Value& items, int depth);

 private:
  enum class Flow { kNext, kBreak, kContinue };

  Flow Run(const Body& body);
  Flow Run(const Statement& statement);
  void RunInNewScope(const Body& body);
  void Write(std::string_view text);
  Value EvaluatePiped(const Expression& filter, std::string text);
  Arguments EvaluateArguments(const CallSyntax& call);
  Value CallWith(const CallOf& call, const Value* caller);
  void BindMacro(const MacroBody& macro, const Arguments& arguments);
  bool Compare(Comparator comparator, const Value& a, const Value& b);

  Flow On(const Text& node);
  Flow On(const Output& node);
  Flow On(const If& node);
  Flow On(const For& node);
  Flow On(const Set& node);
  Flow On(const SetBlock& node);
  Flow On(const MacroDefinition& node);
  Flow On(const CallBlock& node);
  Flow On(const FilterBlock& node);
  Flow On(const With& node);
  Flow On(const Scoped& node);
  Flow On(const BlockStatement& node);
  Flow On(const JumpStatement& node);

  Value Of(const Literal& node);
  Value Of(const NameLoad& node);
  Value Of(const ListDisplay& node);
  Value Of(const DictDisplay& node);
  Value Of(const AttributeOf& node);
  Value Of(const ItemOf& node);
  Value Of(const SliceOf& node);
  Value Of(const CallOf& node);
  Value Of(const Piped& node);
  Value Of(const FilterOf& node);
  Value Of(const TestOf& node);
  Value Of(const Unary& node);
  Value Of(const Binary& node);
  Value Of(const Concatenation& node);
  Value Of(const Logical& node);
  Value Of(const Comparison& node);
  Value Of(const Conditional& node);

  Runtime& runtime_;
  std::shared_ptr<Scope> root_, scope_;
  TextBuilder* out_ = nullptr;
  Value piped_;
};

template <typename Work>
decltype(auto) Evaluator::InScope(std::shared_ptr<Scope> scope, Work&& work) {
  struct Restore {
    Evaluator& evaluator;
    std::shared_ptr<Scope> before;
    ~Restore() { evaluator.scope_ = std::move(before); }
  } restore{*this, std::exchange(scope_, std::move(scope))};
  return work();
}

template <typename Work>
std::string Evaluator::Capture(Work&& work) {
  TextBuilder builder(runtime_.budget());
  struct Restore {
    Evaluator& evaluator;
    TextBuilder* before;
    ~Restore() { evaluator.out_ = before; }
  } restore{*this, std::exchange(out_, &builder)};
  work();
  return builder.Finish();
}

}  // namespace tessera::text::jinja
