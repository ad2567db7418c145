#include "bench/made_up_vocabulary.h"

#include "tessera/core/error.h"
#include "tessera/core/json.h"
#include "tessera/text/byte_alphabet.h"

namespace tessera::bench {
namespace {

constexpr int64_t kNormal = 1, kControl = 3;  // numbers of tokenizer.ggml.token_type

std::string Byte(int64_t value) { return text::PieceOfBytes(std::string(1, static_cast<char>(value))); }

}  // namespace

text::GgufVocabulary MadeUpVocabulary(int64_t size, const SpecialPieces& special) {
  const auto& [bos, eos, others, bos_piece, eos_piece] = special;
  Require(size >= 512 && size <= int64_t{1} << 24, "a made-up vocabulary has 512 to 2^24 pieces, not {}", size);
  Require(bos >= 0 && bos < size && eos >= 0 && eos < size, "bos {} or eos {} is outside the vocabulary of {} pieces",
          bos, eos, size);
  for (const auto& [id, piece] : others)
    Require(id >= 0 && id < size, "the id {} of {} is outside the vocabulary of {} pieces", id, piece, size);
  text::GgufVocabulary out;
  out.model = "gpt2";
  out.pre = "gpt-2";
  out.bos = bos;
  out.eos = eos;
  std::vector<std::string> ordinary;
  for (int64_t id = 0; id < size; ++id) {
    const auto n = std::ssize(ordinary);
    if (id == bos || id == eos) {
      out.tokens.emplace_back(id == eos ? eos_piece : bos_piece);
      out.types.push_back(kControl);
      continue;
    }
    if (const auto other = others.find(id); other != others.end()) {
      out.tokens.push_back(other->second);
      out.types.push_back(kControl);
      continue;
    }
    if (n < 256) {
      ordinary.push_back(Byte(n));
    } else {
      const std::string left = ordinary[static_cast<size_t>(n / 256 - 1)], right = Byte(n % 256);
      out.merges.push_back(left + " " + right);
      ordinary.push_back(left + right);
    }
    out.tokens.push_back(ordinary.back());
    out.types.push_back(kNormal);
  }
  return out;
}

std::string AsTokenizerJson(const text::GgufVocabulary& vocabulary) {
  Json pieces = Json::object(), added = Json::array(), merges = Json::array();
  for (size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    if (vocabulary.types[id] == kControl)
      added.push_back({{"id", id}, {"content", vocabulary.tokens[id]}, {"special", true}});
    else
      pieces.emplace(vocabulary.tokens[id], id);
  }
  for (const std::string& merge : vocabulary.merges) merges.push_back(merge);
  const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", true}};
  const Json json = {{"version", "1.0"},      {"added_tokens", added},
                     {"normalizer", nullptr}, {"pre_tokenizer", bytes},
                     {"decoder", bytes},      {"model", {{"type", "BPE"}, {"vocab", pieces}, {"merges", merges}}}};
  return json.dump();
}

}  // namespace tessera::bench
