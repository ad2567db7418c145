#pragma once
#include <string>

namespace tessera::cli {

// All of a text file, or of standard input for "-". Throws Error that names the file if it cannot be read, is a
// directory, or holds more than 1 GiB.
std::string ReadText(const std::string& path);

}  // namespace tessera::cli
