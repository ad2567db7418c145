#pragma once
// Where models are kept on this machine.

#include <filesystem>

namespace tessera::weights {

// Tessera's own: $TESSERA_CACHE, else $XDG_CACHE_HOME/tessera, else ~/.cache/tessera. It may not exist yet.
// Throws Error if none of these variables and no HOME is set.
std::filesystem::path TesseraCache();

// The one of Hugging Face's tools: $HF_HUB_CACHE, else $HUGGINGFACE_HUB_CACHE, else $HF_HOME/hub, else
// $XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub. It may not exist. Empty if nothing is set.
//
//   models--org--name/refs/main                the commit that "main" means
//   models--org--name/snapshots/<commit>/…     its files (links into blobs/)
std::filesystem::path HuggingFaceCache();

}  // namespace tessera::weights
