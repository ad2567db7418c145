#include "tessera/text/piece_decoder.h"

#include <utility>

#include "tessera/core/error.h"
#include "tessera/text/byte_alphabet.h"
#include "tessera/text/normalizer.h"
#include "tessera/text/unicode.h"
#include "tessera/text/vocabulary.h"

namespace tessera::text {
namespace {

constexpr int kMaxNesting = 16;

// A piece with a character outside the alphabet, such as a special token, stands for itself.
std::string DecodeByteLevel(std::string piece) {
  auto bytes = BytesOfPiece(piece);
  return bytes ? std::move(*bytes) : piece;
}

std::string DecodeByteFallback(std::string piece) {
  const auto byte = ByteOfPiece(piece);
  return byte ? std::string(1, static_cast<char>(*byte)) : piece;
}

}  // namespace

void PieceDecoder::AddStrip(const SortedJson& json) {
  const std::string content = StringOr(json, "content", " ");
  const int64_t start = IntOr(json, "start", 0), stop = IntOr(json, "stop", 0);
  Require(content.size() == 1 && start >= 0 && start <= 1000,
          "decoder Strip: only ASCII characters, at most 1000 of them, can be stripped");
  if (fused_) {
    Require(stop == 0, "decoder Strip: stripping the end of the whole text is not supported");
    strip_left_ = static_cast<int>(start);
    strip_character_ = content[0];
    return;
  }
  Require(stop >= 0 && stop <= 1000, "decoder Strip: \"stop\" is {}", stop);
  steps_.push_back([c = content[0], start, stop](std::string piece) {
    size_t begin = 0, end = piece.size();
    while (begin < end && begin < static_cast<size_t>(start) && piece[begin] == c) ++begin;
    for (int64_t i = 0; i < stop && end > begin && piece[end - 1] == c; ++i) --end;
    return piece.substr(begin, end - begin);
  });
}

void PieceDecoder::AddMetaspace(const SortedJson& json) {
  steps_.push_back(ReplaceStep(StringOr(json, "replacement", kLowerBlock), " "));
  const std::string scheme = StringOr(json, "prepend_scheme", "always");
  if (scheme != "never" && BoolOr(json, "add_prefix_space", true)) strip_left_ = 1;
}

void PieceDecoder::AddSteps(const SortedJson& json, int depth) {
  if (json.is_null()) return;
  Require(depth < kMaxNesting, "decoder: sequences nested deeper than {} levels", kMaxNesting);
  const std::string type = StringOr(json, "type", "");
  if (type == "Sequence") {
    for (const auto& step : ArrayMember(json, "decoders")) AddSteps(step, depth + 1);
  } else if (type == "ByteLevel") {
    steps_.push_back(DecodeByteLevel);
  } else if (type == "ByteFallback") {
    steps_.push_back(DecodeByteFallback);
  } else if (type == "Fuse") {
    fused_ = true;
  } else if (type == "Strip") {
    AddStrip(json);
  } else if (type == "Metaspace") {
    AddMetaspace(json);
  } else if (type == "Replace") {
    const SortedJson& pattern = Member(json, "pattern");
    Require(pattern.is_object() && pattern.contains("String"), "decoder Replace: only strings are replaced");
    steps_.push_back(ReplaceStep(StringOr(pattern, "String", ""), StringOr(json, "content", "")));
  } else {
    Fail("decoder: the type \"{}\" is not known", type);
  }
}

PieceDecoder PieceDecoder::FromJson(const SortedJson& json) {
  PieceDecoder decoder;
  decoder.AddSteps(json, 0);
  return decoder;
}

PieceDecoder PieceDecoder::ByteLevel() {
  PieceDecoder decoder;
  decoder.steps_.push_back(DecodeByteLevel);
  decoder.only_byte_level_ = true;
  return decoder;
}

PieceDecoder PieceDecoder::SentencePiece(const SentencePieceOptions& options) {
  PieceDecoder decoder;
  decoder.steps_.push_back(ReplaceStep(std::string(kLowerBlock), " "));
  decoder.steps_.push_back(DecodeByteFallback);
  decoder.strip_left_ = options.drop_first_space ? 1 : 0;
  return decoder;
}

void PieceDecoder::AppendDecoded(std::string_view piece, std::string& out) const {
  if (!only_byte_level_)
    out += Decode(piece);
  else if (!AppendBytesOfPiece(piece, out))
    out += piece;
}

std::string PieceDecoder::Decode(std::string_view piece) const {
  std::string text(piece);
  for (const Step& step : steps_) {
    text = step(std::move(text));
    RequireModestGrowth(piece.size(), text.size(), "decoder");
  }
  return text;
}

}  // namespace tessera::text
