#include "tessera/cli/locate_tokenizer.h"

#include "tessera/weights/locate.h"

namespace tessera::cli {

std::filesystem::path LocateTokenizer(const std::string& model) {
  std::error_code error;
  return std::filesystem::exists(model, error) ? std::filesystem::path(model) : weights::Locate(model);
}

}  // namespace tessera::cli
