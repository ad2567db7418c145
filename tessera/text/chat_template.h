#pragma once
// Chat templates: the Jinja programs inside checkpoints that write a conversation as the text their model was trained
// on.
//
//   const ChatTemplate chat("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}");
//   chat.Render({{"messages", {{{"role", "user"}, {"content", "Hello"}}}}});          // "<user>Hello"
//
// The text is what transformers' apply_chat_template gives on jinja2 3.1: a sandbox without mutation, trim_blocks,
// lstrip_blocks, break and continue, {% generation %}, tojson, raise_exception and strftime_now.

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "tessera/core/error.h"
#include "tessera/core/json.h"
#include "tessera/text/template_limits.h"

namespace tessera::text {

// What a template's own raise_exception("…") throws: what() is exactly its message.
class TemplateException : public Error {
 public:
  TemplateException(const std::string& message, int line) : Error(message), line_(line) {}
  int line() const { return line_; }

 private:
  int line_;
};

struct RenderOptions {
  std::optional<std::chrono::system_clock::time_point> now;  // the clock of strftime_now; empty: the system's
};

class ChatTemplate {
 public:
  // Parses `source`. Throws Error "template: line 3: …" if it is no template, is no UTF-8 or exceeds the limits.
  explicit ChatTemplate(std::string source, const TemplateLimits& limits = {});
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // The text for `variables`, an object; `tools` and `documents` are None unless given. May run on many threads at
  // once. Throws TemplateException when the template refuses, and Error "template: line 3: …" for everything else: a
  // misuse of values, or a rendering beyond the limits.
  std::string Render(const Json& variables, const RenderOptions& options = {}) const;

  const std::string& source() const { return source_; }

 private:
  struct Parsed;
  std::string source_;
  TemplateLimits limits_;
  std::unique_ptr<const Parsed> parsed_;
};

}  // namespace tessera::text
