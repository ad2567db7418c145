// The half of Evaluator that runs statements.

#include "tessera/core/error.h"
#include "tessera/text/jinja/access.h"
#include "tessera/text/jinja/compare.h"
#include "tessera/text/jinja/evaluator.h"
#include "tessera/text/jinja/loop.h"
#include "tessera/text/jinja/macro.h"
#include "tessera/text/jinja/objects.h"
#include "tessera/text/jinja/print.h"

namespace tessera::text::jinja {

Evaluator::Evaluator(Runtime& runtime, std::shared_ptr<Scope> root)
    : runtime_(runtime), root_(std::move(root)), scope_(root_) {}

std::string Evaluator::Render(const Body& body) {
  return Capture([&] { Run(body); });
}

void Evaluator::Write(std::string_view text) {
  out_->Append(text);
  const size_t limit = runtime_.budget().limits().output_bytes;
  Require(out_->size() <= limit, "the template writes more than {} bytes", limit);
}

Evaluator::Flow Evaluator::Run(const Body& body) {
  for (const auto& statement : body)
    if (const Flow flow = Run(*statement); flow != Flow::kNext) return flow;
  return Flow::kNext;
}

Evaluator::Flow Evaluator::Run(const Statement& statement) {
  const DepthGuard guard(runtime_);
  runtime_.budget().Step();
  runtime_.line = statement.line;
  return std::visit([&](const auto& node) { return On(node); }, statement.node);
}

void Evaluator::RunInNewScope(const Body& body) {
  InScope(std::make_shared<Scope>(scope_), [&] { Run(body); });
}

void Evaluator::Assign(const Target& target, const Value& value) {
  if (target.is_tuple) {
    const Values items = Collect(runtime_, value);
    const size_t expected = target.parts.size();
    Require(items.size() <= expected, "too many values to unpack (expected {})", expected);
    Require(items.size() == expected, "not enough values to unpack (expected {}, got {})", expected, items.size());
    for (size_t i = 0; i < expected; ++i) Assign(target.parts[i], items[i]);
  } else if (target.attribute.empty()) {
    scope_->Set(target.name, value);
  } else {
    const Value* space = scope_->Find(target.name);
    auto* found = space == nullptr ? nullptr : dynamic_cast<Namespace*>(space->object());
    Require(found != nullptr, "cannot assign attribute on non-namespace object");
    found->Set(runtime_, target.attribute, value);
  }
}

Evaluator::Flow Evaluator::On(const Text& node) {
  Write(node.text);
  return Flow::kNext;
}

Evaluator::Flow Evaluator::On(const Output& node) {
  const Value value = Evaluate(*node.value);
  std::string storage;
  Write(TextOf(runtime_, value, storage));
  return Flow::kNext;
}

Evaluator::Flow Evaluator::On(const If& node) {
  for (const auto& [condition, body] : node.branches)
    if (Truth(runtime_, Evaluate(*condition))) return Run(body);
  return Run(node.otherwise);
}

void Evaluator::RunLoop(const For& node, const std::shared_ptr<Scope>& outer, const Value& items, int depth) {
  const auto loop = std::make_shared<Loop>(*this, node, outer, items, depth);
  struct Closer {
    Loop& loop;
    ~Closer() { loop.Close(); }
  } closer{*loop};
  const Value loop_value{std::shared_ptr<Object>(loop)};
  while (loop->Advance()) {
    const Flow flow = InScope(std::make_shared<Scope>(outer), [&] {
      scope_->Set("loop", loop_value);
      Assign(node.target, loop->current());
      return Run(node.body);
    });
    if (flow == Flow::kBreak) break;
  }
  if (!loop->started()) InScope(std::make_shared<Scope>(outer), [&] { Run(node.otherwise); });
}

Evaluator::Flow Evaluator::On(const For& node) {
  const Value items = Evaluate(*node.items);
  RunLoop(node, std::shared_ptr<Scope>(scope_), items, 0);
  return Flow::kNext;
}

Evaluator::Flow Evaluator::On(const Set& node) {
  Assign(node.target, Evaluate(*node.value));
  return Flow::kNext;
}

Value Evaluator::EvaluatePiped(const Expression& filter, std::string text) {
  piped_ = runtime_.String(std::move(text));
  return Evaluate(filter);
}

Evaluator::Flow Evaluator::On(const SetBlock& node) {
  std::string text = Capture([&] { RunInNewScope(node.body); });
  Assign(node.target,
         node.filter == nullptr ? runtime_.String(std::move(text)) : EvaluatePiped(*node.filter, std::move(text)));
  return Flow::kNext;
}

Evaluator::Flow Evaluator::On(const MacroDefinition& node) {
  scope_->Set(node.macro.name, runtime_.Keep<Macro>(*this, node.macro, scope_));
  return Flow::kNext;
}

Evaluator::Flow Evaluator::On(const CallBlock& node) {
  const Value caller = runtime_.Keep<Macro>(*this, node.caller, scope_);
  const Value result = CallWith(std::get<CallOf>(node.call->node), &caller);
  std::string storage;
  Write(TextOf(runtime_, result, storage));
  return Flow::kNext;
}

Evaluator::Flow Evaluator::On(const FilterBlock& node) {
  std::string text = Capture([&] { RunInNewScope(node.body); });
  const Value result = EvaluatePiped(*node.filter, std::move(text));
  std::string storage;
  Write(TextOf(runtime_, result, storage));
  return Flow::kNext;
}

Evaluator::Flow Evaluator::On(const With& node) {
  auto inner = std::make_shared<Scope>(scope_);
  for (const auto& [target, expression] : node.values) {
    const Value value = Evaluate(*expression);
    InScope(inner, [&, &target = target] { Assign(target, value); });
  }
  return InScope(inner, [&] { return Run(node.body); });
}

Evaluator::Flow Evaluator::On(const Scoped& node) {
  RunInNewScope(node.body);
  return Flow::kNext;
}

Evaluator::Flow Evaluator::On(const BlockStatement& node) {
  InScope(std::make_shared<Scope>(node.scoped ? scope_ : root_), [&] { Run(node.body); });
  return Flow::kNext;
}

Evaluator::Flow Evaluator::On(const JumpStatement& node) {
  return node.jump == Jump::kBreak ? Flow::kBreak : Flow::kContinue;
}

}  // namespace tessera::text::jinja
