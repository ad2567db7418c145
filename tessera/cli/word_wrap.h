#pragma once
// Breaks a stream of text into lines at spaces, so that a terminal does not break words.

#include <string>
#include <string_view>

namespace tessera::cli {

class WordWrap {
 public:
  // Lines of at most `width` columns; 0 leaves the text as it is.
  explicit WordWrap(int width) : width_(width) {}

  // What may be shown of the text so far: a word is held back until it ends. Pieces are whole UTF-8 characters.
  std::string Push(std::string_view piece);
  // The word that is still held back.
  std::string Flush();

 private:
  void EndWord(std::string& out);

  int width_, column_ = 0, word_columns_ = 0;
  std::string spaces_, word_;    // the spaces before the word, which a line break replaces
  bool is_end_of_word_ = false;  // the beginning of the word, longer than a line, was shown already
};

}  // namespace tessera::cli
