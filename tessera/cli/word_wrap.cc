#include "tessera/cli/word_wrap.h"

#include <utf8proc.h>

#include <algorithm>

namespace tessera::cli {

void WordWrap::EndWord(std::string& out) {
  const int gap = static_cast<int>(spaces_.size());
  if (word_columns_ > 0 && column_ > 0 && !is_end_of_word_ && column_ + gap + word_columns_ > width_) {
    out += '\n';
    column_ = 0;
  } else {
    out += spaces_;
    column_ += gap;
  }
  out += word_;
  column_ += word_columns_;
  spaces_.clear();
  word_.clear();
  word_columns_ = 0;
  is_end_of_word_ = false;
}

std::string WordWrap::Push(std::string_view piece) {
  if (width_ <= 0) return std::string(piece);
  std::string out;
  while (!piece.empty()) {
    utf8proc_int32_t code = 0;
    const auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(piece.data()),
                                        static_cast<utf8proc_ssize_t>(piece.size()), &code);
    const auto length = static_cast<size_t>(std::max<utf8proc_ssize_t>(bytes, 1));
    const int columns = bytes < 0 ? 1 : utf8proc_charwidth(code);
    if (code == ' ') {
      if (!word_.empty()) EndWord(out);
      spaces_ += ' ';
      is_end_of_word_ = false;
    } else if (code == '\n') {
      EndWord(out);
      out += '\n';
      column_ = 0;
    } else {
      // Scripts without spaces may break anywhere: each wide character is a word.
      if (columns == 2) EndWord(out);
      word_.append(piece.substr(0, length));
      word_columns_ += columns;
      const bool is_long = is_end_of_word_ || word_columns_ >= width_;  // the terminal breaks it
      if (columns == 2 || is_long) EndWord(out);
      is_end_of_word_ = is_long;
    }
    piece.remove_prefix(length);
  }
  return out;
}

std::string WordWrap::Flush() {
  std::string out;
  EndWord(out);
  return out;
}

}  // namespace tessera::cli
