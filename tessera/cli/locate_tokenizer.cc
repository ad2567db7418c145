#include "tessera/cli/locate_tokenizer.h"

namespace tessera::cli {

std::filesystem::path LocateTokenizer(const std::string& model) { return model; }

}  // namespace tessera::cli
