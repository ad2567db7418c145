#include "tessera/text/chat_template.h"

#include "tessera/text/jinja/evaluator.h"
#include "tessera/text/jinja/from_json.h"
#include "tessera/text/jinja/parser.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text {

struct ChatTemplate::Parsed {
  jinja::Body body;
};

namespace {

std::shared_ptr<jinja::Scope> RootScope(jinja::Runtime& runtime, const Json& variables) {
  auto scope = std::make_shared<jinja::Scope>(nullptr);
  for (const std::string_view absent_is_none : {"tools", "documents"}) scope->Set(absent_is_none, jinja::Value());
  for (const auto& [name, value] : variables.get_ref<const Json::object_t&>())
    scope->Set(name, jinja::FromJson(runtime, value));
  return scope;
}

}  // namespace

ChatTemplate::ChatTemplate(std::string source, const TemplateLimits& limits)
    : source_(std::move(source)), limits_(limits) {
  Require(source_.size() <= limits.template_bytes, "template: {} bytes, the limit is {}", source_.size(),
          limits.template_bytes);
  Require(jinja::IsValidUtf8(source_), "template: the text is not valid UTF-8");
  parsed_ = std::make_unique<const Parsed>(Parsed{jinja::ParseTemplate(source_, limits)});
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::Render(const Json& variables, const RenderOptions& options) const {
  Require(variables.is_object(), "template: the variables must be a JSON object, got {}", variables.type_name());
  jinja::Runtime runtime(limits_, options.now.value_or(std::chrono::system_clock::now()));
  try {
    jinja::Evaluator evaluator(runtime, RootScope(runtime, variables));
    return evaluator.Render(parsed_->body);
  } catch (const TemplateException&) {
    throw;
  } catch (const Error& error) {
    throw Error(fmt::format("template: line {}: {}", runtime.line, error.what()));
  }
}

}  // namespace tessera::text
