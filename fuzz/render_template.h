#pragma once
// What the fuzzer of chat templates does with an input; a test replays the corpus through the same function.

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tessera/core/error.h"
#include "tessera/text/chat_template.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::fuzz {

// What a template may use here: less than in the program, so that a fuzzer gets through many.
inline text::TemplateLimits FuzzTemplateLimits() {
  return {.template_bytes = 1 << 16,
          .output_bytes = 1 << 16,
          .memory_bytes = 1 << 20,
          .steps = 10'000,
          .time = std::chrono::milliseconds(2000)};
}

// The variables of a conversation, for templates that come without any.
inline const Json& UsualVariables() {
  static const Json variables = {{"messages",
                                  {{{"role", "system"}, {"content", "Be brief."}},
                                   {{"role", "user"}, {"content", "Hi \xE4\xBD\xA0\xE5\xA5\xBD"}},
                                   {{"role", "assistant"}, {"content", "Hello"}}}},
                                 {"add_generation_prompt", true},
                                 {"bos_token", "<s>"},
                                 {"eos_token", "</s>"},
                                 {"n", 3},
                                 {"f", 2.5},
                                 {"l", {3, 1, 2}},
                                 {"d", {{"a", 1}, {"b", {1, 2}}}}};
  return variables;
}

// The text, or nothing if the template refuses; every other end is a bug.
inline std::optional<std::string> RenderOnce(const text::ChatTemplate& chat, const Json& variables) {
  try {
    return chat.Render(variables, {.now = std::chrono::system_clock::from_time_t(1'721'995'815)});
  } catch (const Error&) {
    return std::nullopt;
  }
}

// The variables as a JSON object, an empty line, and the template; or the template alone. True if it renders.
inline bool RenderTemplate(std::string_view input) {
  Json own;
  const Json* variables = &UsualVariables();
  const size_t cut = input.find("\n\n");
  try {
    if (cut != input.npos && input.starts_with('{') && !input.starts_with("{%") && !input.starts_with("{{")) {
      own = ParseJson(input.substr(0, cut), "variables", {.max_bytes = 1 << 16});
      variables = &own;
      input.remove_prefix(cut + 2);
    }
    static const text::TemplateLimits limits = FuzzTemplateLimits();
    const text::ChatTemplate chat(std::string(input), limits);
    const std::optional<std::string> text = RenderOnce(chat, *variables);
    if (text && text->size() > limits.output_bytes) throw std::logic_error("more text than the limit");
    if (text && !text::jinja::IsValidUtf8(*text)) throw std::logic_error("the text is not valid UTF-8");
    if (text && RenderOnce(chat, *variables) != text) throw std::logic_error("the second rendering differs");
    return text.has_value();
  } catch (const Error&) {
    return false;
  }
}

}  // namespace tessera::fuzz
