#pragma once
// Which tokens of Chameleon's vocabulary stand for what, read from their names:
//
//   IMGIMG<letters>Z   an image code; A … J are the digits 0 … 9 of its number
//   <…>                a token of the protocol; "<" itself is a word
//   everything else    language
//
// <racm3:break> begins a picture, <eoss> ends it, <reserved08706> ends a turn.

#include "tessera/core/json.h"
#include "tessera/models/picture_tokens.h"

namespace tessera::models {

// From "vocabulary_map" of a config (name -> id), for a VQ-GAN of that many codes and codes a picture. Throws Error for
// ids outside 0 … vocab - 1, a code that is missing, given twice or beyond the codes, and for a missing token.
struct PictureCodes {
  int64_t codes = 0, per_picture = 0;
};
PictureVocabulary ReadPictureVocabulary(const Json& vocabulary_map, int64_t vocab, const PictureCodes& codes);

}  // namespace tessera::models
