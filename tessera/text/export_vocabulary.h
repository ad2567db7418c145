#pragma once
// The vocabulary of a Hugging Face directory as the metadata of a GGUF file (keys tokenizer.ggml.* and
// tokenizer.chat_template): the way back of gguf_vocabulary.h.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tessera/text/gguf_vocabulary.h"
#include "tessera/weights/gguf_writer.h"

namespace tessera::text {

// Whether the directory has a tokenizer file at all.
bool HasVocabulary(const std::filesystem::path& directory);

// The vocabulary of that directory, of GGUF's model "gpt2" for byte-level BPE and tiktoken, "llama" for SentencePiece
// BPE, "t5" for SentencePiece unigram. Where the directory describes SentencePiece BPE by merges alone (tokenizer.json
// without tokenizer.model), a piece's score is minus the rank of the merge that makes it: the order, which is all that
// matters, is the same.
// Throws Error for what GGUF cannot say: a pre-tokenizer that has no name there, and other models.
GgufVocabulary ExportVocabulary(const std::filesystem::path& directory);

// The chat template of that directory, or an empty string: chat_template.jinja, else chat_template.json, else
// "chat_template" in tokenizer_config.json (of several, the one named "default").
std::string ChatTemplateOf(const std::filesystem::path& directory);

// Writes the keys. Ids from the vocabulary's end to `rows`, the height of the embedding, get pieces "[PAD<id>]" of the
// unused type, because readers expect a piece for each row.
void WriteGgufVocabulary(GgufVocabulary vocabulary, int64_t rows, weights::GgufWriter& writer);

}  // namespace tessera::text
