#pragma once
// What the tokenizer fuzzers run, and the tests that replay their corpora: read a vocabulary from hostile bytes; if it
// is accepted, use it. Only tessera::Error may leave a reader.

#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "tessera/core/error.h"
#include "tessera/text/sentencepiece.h"
#include "tessera/text/side_files.h"
#include "tessera/text/stream_decoder.h"
#include "tessera/text/tiktoken.h"
#include "tessera/text/tokenizer.h"
#include "tessera/text/tokenizer_json.h"
#include "tessera/text/tokenizer_parts.h"

namespace tessera::fuzz {

inline void UseTokenizer(text::TokenizerParts parts) {
  const text::Tokenizer tokenizer(std::move(parts));
  static const std::string long_text(200, 'a');  // long enough to be merged with a heap
  for (const std::string_view text :
       {std::string_view("Hello  world's 123\n<s> \xE4\xBD\xA0\xE5\xA5\xBD e\xCC\x81 \xF0\x9F\x98\x80"),
        std::string_view("\xFF\xC0 \xE4\xBD"), std::string_view(long_text)}) {
    const auto ids = tokenizer.Encode(text, {.add_special = true});
    const std::string decoded = tokenizer.Decode(ids, {.skip_special = true});
    text::StreamDecoder decoder(tokenizer, {.skip_special = true});
    std::string streamed;
    for (const int32_t id : ids) streamed += decoder.Push(id);
    streamed += decoder.Flush();
    if (streamed != decoded) std::terminate();  // the two ways to decode must agree
  }
}

// Runs `body`; an Error is an answer, anything else leaves.
template <typename Body>
void Tolerate(Body&& body) {
  try {
    body();
  } catch (const Error&) {
  }
}

inline void ReadTokenizerJson(std::string_view data) {
  Tolerate([&] { UseTokenizer(text::ParseTokenizerJson(data, "tokenizer.json")); });
}

inline void ReadSentencePiece(std::string_view data) {
  Tolerate([&] { UseTokenizer(text::MakeSentencePiece(text::ParseSentencePieceModel(data))); });
}

// The tokenizer_config.json, an empty line, and the tiktoken.model.
inline void ReadTiktoken(std::string_view data) {
  Tolerate([&] {
    const size_t cut = data.find("\n\n");
    if (cut == data.npos) return UseTokenizer(text::ParseTiktoken(data, {}, "tiktoken.model"));
    text::SideFiles files;
    files.tokenizer_config = text::ParseSortedJson(data.substr(0, cut), "tokenizer_config.json");
    auto parts = text::ParseTiktoken(data.substr(cut + 2), files.tokenizer_config, "tiktoken.model");
    text::ApplySideFiles(files, {.add_bos = true}, parts);
    UseTokenizer(std::move(parts));
  });
}

}  // namespace tessera::fuzz
