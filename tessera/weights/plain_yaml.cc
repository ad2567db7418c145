#include "tessera/weights/plain_yaml.h"

#include <charconv>
#include <cmath>
#include <vector>

#include "tessera/core/error.h"

namespace tessera::weights {
namespace {

constexpr size_t kMaxBytes = size_t{1} << 20;
constexpr int kMaxDepth = 32;

struct Line {
  size_t number = 0;  // from 1
  size_t indent = 0;
  std::string_view text;  // without indentation, comment and blanks behind
};

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r"), end = text.find_last_not_of(" \t\r");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin, end - begin + 1);
}

// The text before a comment: '#' at the beginning or behind a blank, outside quotes.
std::string_view WithoutComment(std::string_view text) {
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0)
      quote = c == quote ? 0 : quote;
    else if (c == '"' || c == '\'')
      quote = c;
    else if (c == '#' && (i == 0 || text[i - 1] == ' ' || text[i - 1] == '\t'))
      return text.substr(0, i);
  }
  return text;
}

class Parser {
 public:
  Parser(std::string_view text, std::string_view where) : where_(where) {
    Require(text.size() <= kMaxBytes, "{}: {} bytes are more than {}", where, text.size(), kMaxBytes);
    for (size_t number = 1; !text.empty(); ++number) {
      const size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      const std::string_view content = Trimmed(WithoutComment(line));
      if (content.empty() || (content == "---" && lines_.empty())) continue;
      const size_t indent = line.find_first_not_of(' ');
      lines_.push_back({.number = number, .indent = indent, .text = content});
      RequireAt(lines_.back(), line[indent] != '\t', "a tab begins it; YAML indents with spaces");
    }
  }

  Json Document() {
    if (lines_.empty()) return nullptr;
    Json value = Block(lines_[0].indent, 0);
    if (next_ < lines_.size()) FailAt(lines_[next_], "its indentation fits no line above");
    return value;
  }

 private:
  std::string_view where_;
  std::vector<Line> lines_;
  size_t next_ = 0;

  [[noreturn]] void FailAt(const Line& line, std::string_view what) const {
    Fail("{}: line {}: {}", where_, line.number, what);
  }
  void RequireAt(const Line& line, bool holds, std::string_view what) const {
    if (!holds) FailAt(line, what);
  }

  static bool IsItem(const Line& line) { return line.text == "-" || line.text.starts_with("- "); }

  // The mapping or list whose lines have that indentation.
  Json Block(size_t indent, int depth) {
    RequireAt(lines_[next_], depth < kMaxDepth, "too many levels");
    return IsItem(lines_[next_]) ? List(indent) : Mapping(indent, depth);
  }

  Json List(size_t indent) {
    Json list = Json::array();
    while (next_ < lines_.size() && lines_[next_].indent == indent && IsItem(lines_[next_])) {
      const Line& line = lines_[next_++];
      const std::string_view item = Trimmed(line.text.substr(1));
      RequireAt(line, !item.empty() && item.find(": ") == std::string_view::npos && !item.ends_with(':'),
                "an item of a list must be a plain value");
      list.push_back(Value(line, item));
    }
    return list;
  }

  Json Mapping(size_t indent, int depth) {
    Json mapping = Json::object();
    while (next_ < lines_.size() && lines_[next_].indent == indent && !IsItem(lines_[next_])) {
      const Line& line = lines_[next_++];
      const size_t colon = std::min(line.text.find(": "), line.text.size() - 1);
      RequireAt(line, line.text[colon] == ':' && colon > 0, "a line must be \"key: value\" or \"- value\"");
      const std::string key(line.text.substr(0, colon));
      RequireAt(line, std::string_view("\"'{[&*!|>%@`?").find(key[0]) == std::string_view::npos,
                "a key must be a plain word");
      RequireAt(line, !mapping.contains(key), "its key stands twice");
      const std::string_view rest = Trimmed(line.text.substr(colon + 1));
      mapping[key] = rest.empty() ? Nested(indent, depth) : Value(line, rest);
    }
    return mapping;
  }

  // What follows "key:": deeper lines, a list at the key's own indentation, or nothing.
  Json Nested(size_t indent, int depth) {
    if (next_ == lines_.size()) return nullptr;
    const Line& line = lines_[next_];
    if (line.indent > indent || (line.indent == indent && IsItem(line))) return Block(line.indent, depth + 1);
    return nullptr;
  }

  Json Value(const Line& line, std::string_view text) const {
    if (text.front() == '[') {
      RequireAt(line, text.back() == ']' && text.size() >= 2, "a list in brackets must end on its line");
      Json list = Json::array();
      for (std::string_view rest = Trimmed(text.substr(1, text.size() - 2)); !rest.empty();) {
        const size_t comma = std::min(rest.find(','), rest.size());
        list.push_back(Scalar(line, Trimmed(rest.substr(0, comma))));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
      }
      return list;
    }
    if (text == "{}") return Json::object();
    return Scalar(line, text);
  }

  Json Scalar(const Line& line, std::string_view text) const {
    RequireAt(line, !text.empty(), "a value is missing");
    const char first = text.front();
    if (first == '"' || first == '\'') {
      const char* rule = "a text in quotes must end on its line, without quotes or backslashes in it";
      RequireAt(line, text.size() >= 2 && text.back() == first, rule);
      const std::string_view inner = text.substr(1, text.size() - 2);
      RequireAt(line, inner.find_first_of("\"'\\") == std::string_view::npos, rule);
      return std::string(inner);
    }
    RequireAt(line, std::string_view("[]{}&*!|>%@`").find(first) == std::string_view::npos,
              "this kind of value is not read here");
    if (text == "null" || text == "~") return nullptr;
    if (text == "true" || text == "false") return text == "true";
    int64_t whole = 0;
    double number = 0;
    const char* const end = text.data() + text.size();
    if (const auto [at, error] = std::from_chars(text.data(), end, whole); error == std::errc() && at == end)
      return whole;
    if (const auto [at, error] = std::from_chars(text.data(), end, number);
        error == std::errc() && at == end && std::isfinite(number))
      return number;
    return std::string(text);
  }
};

}  // namespace

Json ParsePlainYaml(std::string_view text, std::string_view where) { return Parser(text, where).Document(); }

}  // namespace tessera::weights
