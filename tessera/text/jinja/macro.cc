#include "tessera/text/jinja/macro.h"

#include <algorithm>

#include "tessera/core/error.h"

namespace tessera::text::jinja {

std::optional<Value> Macro::Attribute(Runtime& runtime, std::string_view name) {
  if (name == "name") return runtime.String(body_.name);
  if (name == "catch_kwargs") return Value(body_.uses_kwargs);
  if (name == "catch_varargs") return Value(body_.uses_varargs);
  if (name == "caller") return Value(body_.uses_caller);
  if (name != "arguments") return std::nullopt;
  Values names;
  for (const std::string& parameter : body_.signature.names) names.push_back(runtime.String(parameter));
  return runtime.Tuple(std::move(names));
}

// Sets the parameters as variables of the current scope, which is the new one of this call.
void Evaluator::BindMacro(const MacroBody& macro, const Arguments& arguments) {
  const auto& names = macro.signature.names;
  const auto& given = arguments.positional;
  std::vector<std::string_view> taken;
  for (size_t i = 0; i < names.size(); ++i) {
    const Value* keyword = arguments.Keyword(names[i]);
    if (keyword != nullptr) {
      Require(i >= given.size(), "macro '{}' got multiple values for argument '{}'", macro.name, names[i]);
      taken.push_back(names[i]);
    }
    const size_t first_default = names.size() - macro.signature.defaults.size();
    if (i < given.size())
      scope_->Set(names[i], given[i]);
    else if (keyword != nullptr)
      scope_->Set(names[i], *keyword);
    else if (i >= first_default)
      scope_->Set(names[i], Evaluate(*macro.signature.defaults[i - first_default]));
    else
      scope_->Set(names[i], runtime_.Undefined(fmt::format("parameter '{}' was not provided", names[i])));
  }
  const Value* caller = arguments.Keyword("caller");
  const bool caller_is_parameter = std::ranges::count(names, "caller") > 0;
  if (macro.uses_caller && !caller_is_parameter) {
    scope_->Set("caller", caller != nullptr ? *caller : runtime_.Undefined("No caller defined"));
    taken.push_back("caller");
  }
  DictBody::Entries rest;
  for (const auto& [name, value] : arguments.keyword)
    if (std::ranges::count(taken, std::string_view(name)) == 0) rest.emplace_back(runtime_.String(name), value);
  Require(rest.empty() || macro.uses_kwargs, "macro '{}' takes no keyword argument '{}'", macro.name,
          rest.empty() ? std::string_view() : rest[0].first.text());
  if (macro.uses_kwargs) scope_->Set("kwargs", runtime_.Dict(std::move(rest)));
  Require(given.size() <= names.size() || macro.uses_varargs, "macro '{}' takes not more than {} argument(s)",
          macro.name, names.size());
  if (!macro.uses_varargs) return;
  const auto first_extra = static_cast<ptrdiff_t>(std::min(names.size(), given.size()));
  scope_->Set("varargs", runtime_.Tuple(Values(given.begin() + first_extra, given.end())));
}

Value Evaluator::CallMacro(const MacroBody& macro, const std::shared_ptr<Scope>& scope, const Arguments& arguments) {
  return InScope(std::make_shared<Scope>(scope), [&] {
    BindMacro(macro, arguments);
    return runtime_.String(Capture([&] { Run(macro.body); }));
  });
}

}  // namespace tessera::text::jinja
