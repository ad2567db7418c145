#pragma once
#include <filesystem>
#include <string>

namespace tessera::cli {

// Where the tokenizer of `model` is: a file or directory of that name, else what weights::Locate finds. Throws Error.
std::filesystem::path LocateTokenizer(const std::string& model);

}  // namespace tessera::cli
