#pragma once
// Decodes ids one at a time, as a model produces them, and never shows half a character.
//
//   StreamDecoder decoder(tokenizer);
//   for (int32_t id : ids) show(decoder.Push(id));
//   show(decoder.Flush());
//
// The pieces and the tail together are what Tokenizer::Decode gives for all the ids.

#include <cstdint>
#include <string>

#include "tessera/text/tokenizer.h"
#include "tessera/text/unicode.h"

namespace tessera::text {

class StreamDecoder {
 public:
  // `tokenizer` must outlive the decoder.
  explicit StreamDecoder(const Tokenizer& tokenizer, const DecodeOptions& options = {});

  // The text that may be shown after `id`: bytes of an unfinished character are held back, ill-formed UTF-8 becomes
  // U+FFFD as soon as it is certain.
  std::string Push(int32_t id);
  // What is still held back, as U+FFFD; the decoder then stands at the beginning of a new text.
  std::string Flush();

 private:
  const Tokenizer& tokenizer_;
  DecodeOptions options_;
  Utf8Repair repair_;
  int to_strip_;
};

}  // namespace tessera::text
