// From the syntax of tokenizer files to PCRE2's. Only what differs is touched:
//   \s \S      \p{White_Space} \P{White_Space}      PCRE2's \s also takes U+180E
//   \d \D      \p{Nd} \P{Nd}
//   \w         \p{Alphabetic}\p{M}\p{Nd}\p{Pc}      PCRE2's \w leaves marks out
//   \h         0-9a-fA-F
//   \p{Han}    \p{sc:Han}                           PCRE2's also takes script extensions
//   [a&&[^b]]  (?:(?![b])[a])

#include <string>
#include <vector>

#include "tessera/core/error.h"
#include "tessera/text/regex.h"

namespace tessera::text {
namespace {

constexpr std::string_view kWordClass = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
constexpr int kMaxNesting = 32;

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  std::string Run() {
    std::string out;
    while (at_ < pattern_.size()) {
      if (pattern_[at_] == '\\')
        out += Escape(false);
      else if (pattern_[at_] == '[')
        out += Class(0);
      else
        out += pattern_[at_++];
    }
    return out;
  }

 private:
  static bool IsGeneralCategory(std::string_view name) {
    if (name.size() <= 2) return true;
    for (std::string_view known : {"Any", "White_Space", "Alphabetic", "Lowercase", "Uppercase", "Emoji",
                                   "Emoji_Presentation", "Extended_Pictographic", "Ideographic"})
      if (name == known) return true;
    return name.find(':') != name.npos || name.find('=') != name.npos;
  }

  static std::string_view ShortCategory(std::string_view name) {
    constexpr std::pair<std::string_view, std::string_view> kNames[] = {{"Letter", "L"},
                                                                        {"Mark", "M"},
                                                                        {"Number", "N"},
                                                                        {"Punctuation", "P"},
                                                                        {"Symbol", "S"},
                                                                        {"Punct", "P"},
                                                                        {"Separator", "Z"},
                                                                        {"Other", "C"},
                                                                        {"Alpha", "Alphabetic"},
                                                                        {"Digit", "Nd"},
                                                                        {"Space", "White_Space"},
                                                                        {"Upper", "Uppercase"},
                                                                        {"Lower", "Lowercase"},
                                                                        {"Uppercase_Letter", "Lu"},
                                                                        {"Lowercase_Letter", "Ll"},
                                                                        {"Decimal_Number", "Nd"}};
    for (const auto& [full, brief] : kNames)
      if (name == full) return brief;
    return name;
  }

  std::string Property() {
    std::string out(pattern_.substr(at_, 2));  // \p or \P
    at_ += 2;
    if (at_ >= pattern_.size() || pattern_[at_] != '{') return out;
    const size_t end = pattern_.find('}', at_);
    Require(end != pattern_.npos, "regex: \\p{{ at {} is not closed", at_);
    std::string_view name = pattern_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    out += '{';
    if (!name.empty() && name[0] == '^') {
      out += '^';
      name.remove_prefix(1);
    }
    name = ShortCategory(name);
    if (!IsGeneralCategory(name)) out += "sc:";
    out += name;
    return out + '}';
  }

  std::string Escape(bool in_class) {
    const char c = at_ + 1 < pattern_.size() ? pattern_[at_ + 1] : '\0';
    if (c == 'p' || c == 'P') return Property();
    const size_t size = std::min<size_t>(2, pattern_.size() - at_);
    const std::string_view raw = pattern_.substr(at_, size);
    at_ += size;
    const auto wrap = [&](std::string_view body) {
      return in_class ? std::string(body) : "[" + std::string(body) + "]";
    };
    switch (c) {
      case 's':
        return "\\p{White_Space}";
      case 'S':
        return "\\P{White_Space}";
      case 'd':
        return "\\p{Nd}";
      case 'D':
        return "\\P{Nd}";
      case 'w':
        return wrap(kWordClass);
      case 'W':
        Require(!in_class, "regex: \\W inside a class is not supported");
        return "[^" + std::string(kWordClass) + "]";
      case 'h':
        return wrap("0-9a-fA-F");
      default:
        return std::string(raw);
    }
  }

  // A class from '[' to its ']'. Classes inside it are parts of an intersection, or joined to it when they are plain.
  std::string Class(int depth) {
    Require(depth < kMaxNesting, "regex: classes nested deeper than {} levels", kMaxNesting);
    const size_t start = at_++;
    std::string body = "[";
    if (at_ < pattern_.size() && pattern_[at_] == '^') body += pattern_[at_++];
    const bool negated = body.size() == 2;
    std::vector<std::string> conditions;  // lookaheads of the other sides of &&
    for (bool first = true;; first = false) {
      Require(at_ < pattern_.size(), "regex: the class that begins at {} is not closed", start);
      const char c = pattern_[at_];
      if (c == ']' && !first) break;
      if (c == '\\') {
        body += Escape(true);
      } else if (pattern_.substr(at_, 2) == "&&") {
        Require(!negated, "regex: && in a negated class at {} is not supported", at_);
        at_ += 2;
        conditions.push_back(IntersectionSide(depth));
      } else if (c == '[' && pattern_.substr(at_, 2) != "[:") {
        std::string inner = Class(depth + 1);
        Require(inner.size() > 2 && inner[0] == '[' && inner[1] != '^',
                "regex: this union of classes at {} is not supported", at_);
        body += inner.substr(1, inner.size() - 2);
      } else {
        if (c == '[') {  // [:alpha:]
          const size_t end = pattern_.find(":]", at_);
          Require(end != pattern_.npos, "regex: [: at {} is not closed", at_);
          body += pattern_.substr(at_, end + 2 - at_);
          at_ = end + 2;
          continue;
        }
        body += c;
        ++at_;
      }
    }
    ++at_;
    body += ']';
    if (conditions.empty()) return body;
    std::string out = "(?:";
    for (const auto& condition : conditions) out += condition;
    return out + body + ")";
  }

  // What follows &&: a class in brackets, or the rest up to the next && or ].
  std::string IntersectionSide(int depth) {
    if (at_ < pattern_.size() && pattern_[at_] == '[') {
      std::string side = Class(depth + 1);
      if (side.starts_with("[^")) return "(?!" + side.erase(1, 1) + ")";
      return "(?=" + side + ")";
    }
    std::string body = "[";
    while (at_ < pattern_.size() && pattern_[at_] != ']' && pattern_.substr(at_, 2) != "&&") {
      if (pattern_[at_] == '\\')
        body += Escape(true);
      else
        body += pattern_[at_++];
    }
    Require(body.size() > 1, "regex: nothing follows && at {}", at_);
    return "(?=" + body + "])";
  }

  std::string_view pattern_;
  size_t at_ = 0;
};

}  // namespace

std::string TranslatePattern(std::string_view pattern) { return Translator(pattern).Run(); }

std::string EscapePattern(std::string_view literal) {
  std::string out;
  for (const char c : literal) {
    if (std::string_view("\\^$.[]|()?*+{}-#/&~ \t\n\r").find(c) != std::string_view::npos) {
      if (c == '\n') {
        out += "\\n";
        continue;
      }
      out += '\\';
    }
    out += c;
  }
  return out;
}

}  // namespace tessera::text
