#include "tessera/text/jinja/text_replace.h"

#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {

std::string ReplaceText(Runtime& runtime, std::string_view text, std::string_view what, std::string_view with,
                        Int count) {
  TextBuilder out(runtime.budget());
  runtime.budget().Step(text.size() / 1024);
  size_t position = 0;
  for (; count != 0; --count) {
    if (what.empty()) {
      out.Append(with);
      if (position == text.size()) break;
      const size_t begin = position;
      NextCodePoint(text, position);
      out.Append(text.substr(begin, position - begin));
      continue;
    }
    const size_t found = FindText(text, what, position);
    if (found == std::string_view::npos) break;
    out.Append(text.substr(position, found - position));
    out.Append(with);
    position = found + what.size();
  }
  out.Append(text.substr(position));
  return out.Finish();
}

}  // namespace tessera::text::jinja
