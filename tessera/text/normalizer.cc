#include "tessera/text/normalizer.h"

#include <functional>
#include <memory>
#include <utility>

#include "tessera/core/error.h"
#include "tessera/text/base64.h"
#include "tessera/text/regex.h"
#include "tessera/text/unicode.h"

namespace tessera::text {
namespace {

constexpr int kMaxNesting = 16;
constexpr size_t kMaxGrowth = 32;  // U+FDFA, the most that NFKC expands, becomes eleven times as long

Normalizer::Step FormStep(NormalForm form) {
  return [form](std::string text) { return Normalize(text, form); };
}

std::string MapCharacters(const std::string& text, const std::function<void(char32_t, std::string&)>& map) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = DecodeUtf8(text, at);
    map(c.value, out);
    at += c.size;
  }
  return out;
}

std::string Strip(std::string_view text, bool left, bool right) {
  size_t begin = 0, end = 0;
  bool inside = !left;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = DecodeUtf8(text, at);
    at += c.size;
    if (IsWhiteSpace(c.value)) {
      if (!inside) begin = at;
      continue;
    }
    inside = true;
    end = at;
  }
  if (!right) end = text.size();
  return std::string(text.substr(begin, end > begin ? end - begin : 0));
}

// The cleaning of SentencePiece's "nmt" rules: control characters vanish, unusual spaces become ' '.
void CleanCharacter(char32_t c, std::string& out) {
  const bool vanishes =
      (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
  const bool space = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                     c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
  if (vanishes) return;
  AppendUtf8(space ? U' ' : c, out);
}

Normalizer::Step RegexReplaceStep(const std::string& pattern, std::string content) {
  auto regex = std::make_shared<const Regex>(pattern, "normalizer Replace");
  return [regex, content = std::move(content)](std::string text) {
    std::string out;
    size_t done = 0;
    Regex::Search search(*regex);
    for (size_t from = 0; from <= text.size();) {
      const auto match = search.Next(text, from);
      if (!match) break;
      out.append(text, done, match->begin - done);
      out += content;
      RequireModestGrowth(text.size(), out.size(), "normalizer Replace");
      done = match->end;
      from = match->end > match->begin ? match->end : match->end + 1;
      while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) ++from;
    }
    return out.append(text, done);
  };
}

void AddSteps(const SortedJson& json, Normalizer& normalizer, int depth) {
  if (json.is_null()) return;
  Require(depth < kMaxNesting, "normalizer: sequences nested deeper than {} levels", kMaxNesting);
  const std::string type = StringOr(json, "type", "");
  if (type == "Sequence") {
    for (const auto& step : ArrayMember(json, "normalizers")) AddSteps(step, normalizer, depth + 1);
  } else if (type == "NFC") {
    normalizer.Add(FormStep(NormalForm::kNfc));
  } else if (type == "NFD") {
    normalizer.Add(FormStep(NormalForm::kNfd));
  } else if (type == "NFKC") {
    normalizer.Add(FormStep(NormalForm::kNfkc));
  } else if (type == "NFKD") {
    normalizer.Add(FormStep(NormalForm::kNfkd));
  } else if (type == "Lowercase") {
    normalizer.Add([](std::string text) { return MapCharacters(text, AppendLower); });
  } else if (type == "Nmt") {
    normalizer.Add([](std::string text) { return MapCharacters(text, CleanCharacter); });
  } else if (type == "StripAccents") {
    normalizer.Add([](std::string text) {
      return MapCharacters(text, [](char32_t c, std::string& out) {
        if (!IsNonspacingMark(c)) AppendUtf8(c, out);
      });
    });
  } else if (type == "Strip") {
    const bool left = BoolOr(json, "strip_left", true), right = BoolOr(json, "strip_right", true);
    normalizer.Add([=](std::string text) { return Strip(text, left, right); });
  } else if (type == "Prepend") {
    normalizer.Add(PrependStep(StringOr(json, "prepend", "")));
  } else if (type == "Replace") {
    const SortedJson& pattern = Member(json, "pattern");
    if (pattern.contains("Regex"))
      normalizer.Add(RegexReplaceStep(StringOr(pattern, "Regex", ""), StringOr(json, "content", "")));
    else
      normalizer.Add(ReplaceStep(StringOr(pattern, "String", ""), StringOr(json, "content", "")));
  } else if (type == "Precompiled") {
    auto charsmap = DecodeBase64(StringOr(json, "precompiled_charsmap", ""));
    Require(charsmap.has_value(), "normalizer Precompiled: the table is not base64");
    normalizer.Add(PrecompiledStep(std::move(*charsmap)));
  } else {
    Fail("normalizer: the type \"{}\" is not known", type);
  }
}

}  // namespace

Normalizer Normalizer::FromJson(const SortedJson& json) {
  Normalizer normalizer;
  AddSteps(json, normalizer, 0);
  return normalizer;
}

std::string Normalizer::Apply(std::string text) const {
  const size_t before = text.size();
  for (const Step& step : steps_) {
    text = step(std::move(text));
    RequireModestGrowth(before, text.size(), "normalizer");
  }
  return text;
}

void RequireModestGrowth(size_t bytes_before, size_t bytes_after, std::string_view where) {
  Require(bytes_after / kMaxGrowth <= bytes_before + 64, "{}: it makes {} bytes of {}, more than {} times as many",
          where, bytes_after, bytes_before, kMaxGrowth);
}

Normalizer::Step PrependStep(std::string prefix) {
  return [prefix = std::move(prefix)](std::string text) { return text.empty() ? text : prefix + text; };
}

Normalizer::Step ReplaceStep(std::string pattern, std::string content) {
  return [pattern = std::move(pattern), content = std::move(content)](std::string text) {
    if (pattern.empty()) return text;
    size_t found = text.find(pattern);
    if (found == text.npos) return text;
    std::string out;
    size_t done = 0;
    for (; found != text.npos; found = text.find(pattern, done)) {
      out.append(text, done, found - done).append(content);
      RequireModestGrowth(text.size(), out.size(), "normalizer Replace");
      done = found + pattern.size();
    }
    return out.append(text, done);
  };
}

Normalizer::Step CollapseSpacesStep() {
  return [](std::string text) {
    std::string out;
    for (const char c : text)
      if (c != ' ' || (!out.empty() && out.back() != ' ')) out.push_back(c);
    if (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
  };
}

}  // namespace tessera::text
