#pragma once
// Ends a streamed text at the first of some strings, without ever showing a part of one.

#include <string>
#include <string_view>
#include <vector>

namespace tessera::infer {

class StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> stops);  // throws Error for an empty string

  // Takes the next piece of the text; returns what may be shown now. Text that could be the beginning of a stop string
  // is held back. After a stop string was met nothing more is returned.
  std::string Push(std::string_view piece);
  // The text ends here: what was held back.
  std::string Flush();
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace tessera::infer
