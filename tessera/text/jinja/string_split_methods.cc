// Methods of strings that cut: split, rsplit, splitlines, partition, rpartition.

#include <algorithm>

#include "tessera/core/error.h"
#include "tessera/text/jinja/lines.h"
#include "tessera/text/jinja/methods.h"
#include "tessera/text/jinja/unicode.h"

namespace tessera::text::jinja {
namespace {

using Pieces = std::vector<std::string_view>;

// At runs of white space, at most `limit` times; the last piece keeps the rest.
Pieces SplitAtSpaces(std::string_view text, Int limit) {
  Pieces pieces;
  for (text = StripLeft(text); !text.empty(); text = StripLeft(text)) {
    if (limit-- == 0) {
      pieces.push_back(text);
      break;
    }
    size_t end = 0, next = 0;
    while (end < text.size() && !IsSpace(NextCodePoint(text, next))) end = next;
    pieces.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return pieces;
}

Pieces SplitAtSpacesFromRight(std::string_view text, Int limit) {
  Pieces pieces;
  for (text = StripRight(text); !text.empty(); text = StripRight(text)) {
    if (limit-- == 0) {
      pieces.push_back(text);
      break;
    }
    size_t begin = text.size();
    while (begin > 0) {
      size_t start = begin - 1;
      while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
      size_t next = start;
      if (IsSpace(NextCodePoint(text, next))) break;
      begin = start;
    }
    pieces.push_back(text.substr(begin));
    text = text.substr(0, begin);
  }
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

Pieces SplitAt(std::string_view text, std::string_view separator, Int limit) {
  Pieces pieces;
  size_t begin = 0;
  for (; limit != 0; --limit) {
    const size_t found = FindText(text, separator, begin);
    if (found == std::string_view::npos) break;
    pieces.push_back(text.substr(begin, found - begin));
    begin = found + separator.size();
  }
  pieces.push_back(text.substr(begin));
  return pieces;
}

// From the right; rfind may take |text| · |separator| comparisons, for which ChargeForSplit counts steps.
Pieces SplitAtFromRight(std::string_view text, std::string_view separator, Int limit) {
  Pieces pieces;
  for (; limit != 0; --limit) {
    const size_t found = text.rfind(separator);
    if (found == std::string_view::npos) break;
    pieces.push_back(text.substr(found + separator.size()));
    text = text.substr(0, found);
  }
  pieces.push_back(text);
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

Value ListOf(Runtime& runtime, const Value& self, const Pieces& pieces) {
  Values items;
  for (const std::string_view piece : pieces) items.push_back(runtime.StringLike(self, std::string(piece)));
  return runtime.List(std::move(items));
}

void ChargeForSplit(Runtime& runtime, std::string_view text, std::string_view separator) {
  runtime.budget().Expect(text.size() * 16 / std::max<size_t>(separator.size(), 1));
  runtime.budget().Step(separator.size() * (text.size() / 4096));
}

template <bool from_right>
Value Split(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("split", arguments, {"sep", "maxsplit"});
  const Int limit = parameters.Count(1, -1);
  const bool spaces = !parameters.given(0) || parameters[0].is_none();
  const std::string_view separator = spaces ? std::string_view() : parameters.Text(0, "");
  ChargeForSplit(runtime, self.text(), separator);
  if (spaces)
    return ListOf(runtime, self,
                  from_right ? SplitAtSpacesFromRight(self.text(), limit) : SplitAtSpaces(self.text(), limit));
  Require(!separator.empty(), "empty separator");
  return ListOf(runtime, self,
                from_right ? SplitAtFromRight(self.text(), separator, limit) : SplitAt(self.text(), separator, limit));
}

Value SplitLinesMethod(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("splitlines", arguments, {"keepends"});
  ChargeForSplit(runtime, self.text(), "\n");
  const bool keep = parameters.Flag(runtime, 0, false);
  return ListOf(runtime, self, SplitLines(self.text(), keep ? LineEnds::kKeep : LineEnds::kDrop));
}

template <bool from_right>
Value Partition(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters parameters("partition", arguments, {"sep"}, 1);
  const std::string_view text = self.text(), separator = parameters.Text(0, "");
  Require(!separator.empty(), "empty separator");
  ChargeForSplit(runtime, text, separator);
  const auto piece = [&](std::string_view part) { return runtime.StringLike(self, std::string(part)); };
  const size_t found = from_right ? text.rfind(separator) : FindText(text, separator);
  if (found == std::string_view::npos)
    return from_right ? runtime.Tuple({piece(""), piece(""), self}) : runtime.Tuple({self, piece(""), piece("")});
  return runtime.Tuple({piece(text.substr(0, found)), piece(separator), piece(text.substr(found + separator.size()))});
}

constexpr NamedFunction kMethods[] = {{"split", Split<false>},
                                      {"rsplit", Split<true>},
                                      {"splitlines", SplitLinesMethod},
                                      {"partition", Partition<false>},
                                      {"rpartition", Partition<true>}};

}  // namespace

std::optional<NativeFunction> FindStringSplitMethod(std::string_view name) { return FindIn(kMethods, name); }

}  // namespace tessera::text::jinja
