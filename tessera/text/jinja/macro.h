#pragma once
// A macro as a value: {% macro %} and the caller of {% call %}.

#include "tessera/text/jinja/evaluator.h"

namespace tessera::text::jinja {

// Made with Runtime::Keep, since its scope usually holds it.
class Macro : public Object {
 public:
  Macro(Evaluator& evaluator, const MacroBody& body, std::shared_ptr<Scope> scope)
      : evaluator_(evaluator), body_(body), scope_(std::move(scope)) {}
  std::string_view type_name() const override { return "Macro"; }
  bool callable() const override { return true; }
  std::string Repr(Runtime&) const override { return "<Macro '" + body_.name + "'>"; }
  std::optional<Value> Attribute(Runtime& runtime, std::string_view name) override;
  Value Call(Runtime&, const Arguments& arguments) override { return evaluator_.CallMacro(body_, scope_, arguments); }

 private:
  Evaluator& evaluator_;
  const MacroBody& body_;
  std::shared_ptr<Scope> scope_;
};

}  // namespace tessera::text::jinja
