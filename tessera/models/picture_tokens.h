#pragma once
// What a model offers whose pictures are tokens of its own vocabulary, so that it reads and writes them like words:
//
//   const PictureTokens& ink = *model->picture_tokens();
//   ink.vocabulary().begin  id id id … id  ink.vocabulary().end          // a picture in a sequence
//   Tensor picture = ink.Draw(ids);                                      // u8 [S, S, 3]

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/core/tensor.h"

namespace tessera::models {

struct PictureVocabulary {
  int32_t bos = 0, eos = 0;    // around a sequence
  int32_t begin = 0, end = 0;  // around a picture
  int64_t per_picture = 0;     // ids between these two
  std::vector<int32_t> image;  // the id of each code, in the order of codes
  std::vector<int32_t> text;   // ids of language, ascending
};

class PictureTokens {
 public:
  virtual ~PictureTokens() = default;

  virtual const PictureVocabulary& vocabulary() const = 0;
  // Whether the checkpoint has the part that makes pictures of ids.
  virtual bool can_draw() const = 0;
  // The picture u8 [S, S, 3] of 1 … per_picture ids; where there are fewer the first stands for the others. Throws
  // Error for an id that is no picture's, and if the checkpoint cannot draw: says which files are missing.
  virtual Tensor Draw(std::span<const int32_t> ids) const = 0;
};

}  // namespace tessera::models
